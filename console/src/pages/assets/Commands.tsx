import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Popconfirm } from 'antd';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { CursorTable } from '../../ui/CursorTable';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Time } from '../../ui/Time';
import { NodeName } from './NodeName';

type Command = Schema<'CommandBody'>;
type Container = Schema<'ContainerBody'>;

const STATE_TONE = { waiting: 'busy', sent: 'busy', done: 'good', failed: 'bad', expired: 'bad' } as const;
/** Commands fetched at once. */
const PAGE_ROWS = 100;
/** How long a recording lasts that is asked for here, in seconds. */
const RECORDING_S = 30;

/** What sensors were asked to do, what became of it, and the recordings that it brought. */
export function Commands() {
  const { t } = useTranslation();
  return (
    <CursorTable<Command>
      queryKey={['commands']}
      rowKey="id"
      empty={t('commands.none')}
      fetch={(cursor) =>
        take(api.GET('/api/v1/commands', { params: { query: { limit: PAGE_ROWS, cursor } } }))
      }
      columns={[
        { title: t('commands.asked'), width: 170, render: (_, one) => <Time at={one.created_at} /> },
        { title: t('filterField.node'), width: 150, render: (_, one) => <NodeName id={one.node} /> },
        { title: t('assets.kind'), width: 170, render: (_, one) => t(`commandKind.${one.kind}`) },
        {
          title: t('assets.state'),
          width: 120,
          render: (_, one) => <Badge tone={STATE_TONE[one.state]}>{t(`commandState.${one.state}`)}</Badge>,
        },
        { title: t('commands.by'), width: 120, render: (_, one) => <Hostile>{one.actor}</Hostile> },
        { title: t('commands.answer'), render: (_, one) => <Answer command={one} /> },
      ]}
    />
  );
}

function Answer({ command }: { command: Command }) {
  const { t } = useTranslation();
  const { text } = (command.answer ?? {}) as { text?: string };
  return (
    <>
      <Hostile wrap>{text ?? ''}</Hostile>{' '}
      {command.output_bytes != null && (
        <a href={`/api/v1/commands/${command.id}/output`} download={`${command.id}.capture`}>
          {t('commands.recording', { size: (command.output_bytes / 1024).toFixed(0) })}
        </a>
      )}
    </>
  );
}

/** What can be asked of a running container that needs no alert: a recording, and the end of what was done to it. */
export function ContainerCommands({ container }: { container: Container }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const { mutate, isPending } = useMutation({
    mutationFn: (kind: Schema<'CommandKind'>) =>
      take(
        api.POST('/api/v1/commands', {
          body: {
            node: container.node,
            kind,
            arguments: {
              container: container.id,
              ...(kind === 'capture' && { seconds: RECORDING_S.toString() }),
            },
          },
        }),
      ),
    onSuccess: () => {
      message.success(t('commands.sent'));
      void client.invalidateQueries({ queryKey: ['commands'] });
    },
    onError: (error) => message.error(error.message),
  });
  if (!container.running) return null;
  const { frozen, isolated } = container.document as { frozen?: boolean; isolated?: boolean };
  const button = (kind: Schema<'CommandKind'>) => (
    <Popconfirm
      key={kind}
      title={t(`commandKind.${kind}`)}
      description={t('commands.sure', { name: container.name || container.id.slice(0, 12) })}
      okText={t('commands.send')}
      onConfirm={() => mutate(kind)}
    >
      <MayButton permission={MAY.sendCommands} size="small" loading={isPending}>
        {t(`commandKind.${kind}`)}
      </MayButton>
    </Popconfirm>
  );
  return (
    <span className="row">
      {frozen && button('resume-container')}
      {isolated && button('rejoin-container')}
      {button('capture')}
    </span>
  );
}
