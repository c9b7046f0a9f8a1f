import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Drawer, Input, Radio } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { titleOf } from './title';

type Verb = Schema<'AlertVerb'>;

const VERBS: Verb[] = ['start-handling', 'mark-handled', 'ignore', 'mark-false-positive', 'reopen'];
const RESPONSES: Verb[] = [
  'kill-process',
  'quarantine-file',
  'pause-container',
  'isolate-container',
  'stop-container',
];

/** Longest reason, in characters: the center takes no longer one. */
const NOTE_LENGTH_MAX = 2000;

/** Handles alerts: what a verb would do is shown before it is done, and what can be undone offers that. */
export function HandleDrawer({
  selection,
  verbs,
  initial = 'mark-handled',
  onClose,
  onDone,
}: {
  selection: Schema<'AlertSelection'>;
  /** Verbs that make sense, if known. */
  verbs?: Verb[];
  initial?: Verb;
  onClose: () => void;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [verb, setVerb] = useState<Verb>(initial);
  const [note, setNote] = useState('');
  const undo = useUndo();

  const preview = useQuery({
    queryKey: ['alert-action-preview', verb, selection],
    staleTime: 0,
    queryFn: () => take(api.POST('/api/v1/alerts/actions/preview', { body: { verb, selection, note: '' } })),
  });
  const act = useMutation({
    mutationFn: () =>
      take(
        api.POST('/api/v1/alerts/actions', {
          body: { verb, selection, note },
        }),
      ),
    onSuccess: (result) => {
      void client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith('alert') });
      const undoable = preview.data?.undoable === true && result.ids.length > 0;
      message.success({
        duration: undoable ? 10 : 4,
        content: (
          <span>
            {t('handle.done', { count: result.changed })}{' '}
            {undoable && (
              <Button type="link" size="small" onClick={() => undo(result.ids)}>
                {t('handle.undo')}
              </Button>
            )}
          </span>
        ),
      });
      onDone();
    },
  });
  const offered = (list: Verb[]) => list.filter((one) => !verbs || verbs.includes(one));
  const responses = offered(RESPONSES);
  return (
    <Drawer
      open
      onClose={onClose}
      title={t('handle.title')}
      size={920}
      footer={
        <div className="row">
          <MayButton
            permission={MAY.handleAlerts}
            type="primary"
            danger={RESPONSES.includes(verb)}
            loading={act.isPending}
            disabled={!preview.data || preview.data.changes === 0}
            onClick={() => act.mutate()}
          >
            {t(`verb.${verb}`)}
          </MayButton>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
        </div>
      }
    >
      <div className="stack">
        <ProblemNotice error={act.error} />
        {/* What a verb would do stands beside the verbs: it must not take scrolling to be seen. */}
        <div className="beside">
          <div className="stack">
            <Choice label={t('handle.what')} verbs={offered(VERBS)} value={verb} onChange={setVerb} />
            {responses.length > 0 && (
              <Choice label={t('handle.respond')} verbs={responses} value={verb} onChange={setVerb} />
            )}
          </div>
          <div className="stack">
            <div className="field">
              <label htmlFor={`${id}-note`}>{t('handle.note')}</label>
              <Input.TextArea
                id={`${id}-note`}
                rows={3}
                maxLength={NOTE_LENGTH_MAX}
                value={note}
                onChange={(event) => setNote(event.target.value)}
              />
            </div>
            <section aria-label={t('handle.effect')}>
              <h3>{t('handle.effect')}</h3>
              <QueryView query={preview}>{(effect) => <Effect effect={effect} />}</QueryView>
            </section>
          </div>
        </div>
      </div>
    </Drawer>
  );
}

/** Takes back what was done with alerts, and says so. */
export function useUndo(): (ids: string[]) => void {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  return (ids) => {
    take(api.POST('/api/v1/alerts/undo', { body: { ids } })).then(
      (result) => {
        void client.invalidateQueries({
          predicate: ({ queryKey }) => String(queryKey[0]).startsWith('alert'),
        });
        message.info(t('handle.undone', { count: result.changed }));
      },
      (error: unknown) => message.error(error instanceof Error ? error.message : t('state.failed')),
    );
  };
}

function Choice({
  label,
  verbs,
  value,
  onChange,
}: {
  label: string;
  verbs: Verb[];
  value: Verb;
  onChange: (verb: Verb) => void;
}) {
  const { t } = useTranslation();
  return (
    <fieldset>
      <legend>{label}</legend>
      <Radio.Group value={value} onChange={(event) => onChange(event.target.value as Verb)}>
        <div className="stack">
          {verbs.map((verb) => (
            <Radio key={verb} value={verb}>
              <strong>{t(`verb.${verb}`)}</strong>
              <br />
              <span className="secondary">{t(`verbAbout.${verb}`)}</span>
            </Radio>
          ))}
        </div>
      </Radio.Group>
    </fieldset>
  );
}

function Effect({ effect }: { effect: Schema<'AlertActionPreview'> }) {
  const { t } = useTranslation();
  return (
    <>
      <p>{t('handle.changes', { changes: effect.changes, selected: effect.selected })}</p>
      {effect.commands.length > 0 && (
        <Alert
          type="warning"
          showIcon
          title={t('handle.commands')}
          description={<Sentences sentences={effect.commands} />}
        />
      )}
      {effect.warnings.length > 0 && (
        <Alert
          type="warning"
          showIcon
          title={t('handle.warnings')}
          description={<Sentences sentences={effect.warnings} />}
        />
      )}
      <p className="secondary">{effect.undoable ? t('handle.undoable') : t('handle.final')}</p>
      <ul className="plain-list">
        {effect.sample.map((alert) => (
          <li key={alert.id}>
            <Hostile wrap max={200}>{`${titleOf(alert)} — ${alert.node} ${alert.container}`}</Hostile>
          </li>
        ))}
      </ul>
    </>
  );
}

function Sentences({ sentences }: { sentences: string[] }) {
  return (
    <ul className="plain-list">
      {sentences.map((sentence, index) => (
        <li key={index}>
          <Hostile wrap>{sentence}</Hostile>
        </li>
      ))}
    </ul>
  );
}
