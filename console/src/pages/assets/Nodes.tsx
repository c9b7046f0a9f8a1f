import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Popconfirm } from 'antd';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { CursorTable } from '../../ui/CursorTable';
import { Facts } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Ago, Time } from '../../ui/Time';

type Node = Schema<'NodeBody'>;

const STATE_TONE = { online: 'good', offline: 'bad', revoked: 'neutral' } as const;
/** Nodes fetched at once. */
const PAGE_ROWS = 100;

/** Nodes with their sensors: whether they are connected, what they enforce by, and which versions they have. */
export function Nodes({ q }: { q: string }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const remove = useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/nodes/{id}', { params: { path: { id } } })),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['nodes'] }),
    onError: (error) => message.error(error.message),
  });
  return (
    <CursorTable<Node>
      queryKey={['nodes', 'list', q]}
      rowKey="id"
      empty={t('assets.noNodes')}
      fetch={(cursor) =>
        take(api.GET('/api/v1/nodes', { params: { query: { limit: PAGE_ROWS, cursor, q: q || undefined } } }))
      }
      expandable={{ expandedRowRender: (node) => <NodeDetail node={node} /> }}
      columns={[
        { title: t('filterField.node'), render: (_, node) => <Hostile>{node.name}</Hostile> },
        { title: t('filterField.cluster'), render: (_, node) => <Hostile>{node.cluster || '—'}</Hostile> },
        {
          title: t('assets.state'),
          width: 130,
          render: (_, node) => <Badge tone={STATE_TONE[node.state]}>{t(`sensorState.${node.state}`)}</Badge>,
        },
        { title: t('protection.level'), render: (_, node) => t(`level.${node.protection_level}`) },
        { title: t('assets.backend'), width: 120, render: (_, node) => <Hostile>{node.backend}</Hostile> },
        {
          title: t('assets.sensor'),
          width: 80,
          render: (_, node) => <Hostile>{node.sensor_version}</Hostile>,
        },
        {
          title: t('assets.documents'),
          width: 280,
          render: (_, node) => <Versions versions={node.versions} />,
        },
        { title: t('alerts.lastTime'), width: 110, render: (_, node) => <Ago at={node.last_seen} /> },
        {
          title: t('table.actions'),
          width: 90,
          render: (_, node) => (
            <Popconfirm
              title={t('assets.removeSure', { name: node.name })}
              okText={t('action.remove')}
              onConfirm={() => remove.mutate(node.id)}
            >
              <MayButton permission={MAY.writeFleet} size="small" danger>
                {t('action.remove')}
              </MayButton>
            </Popconfirm>
          ),
        },
      ]}
    />
  );
}

function Versions({ versions }: { versions: Schema<'DocumentInForce'>[] }) {
  const { t } = useTranslation();
  return (
    <span className="row">
      {versions.map((one) => (
        <Badge key={one.kind} tone={one.problem ? 'bad' : one.current ? 'good' : 'busy'}>
          {`${t(`documentKind.${one.kind as 'policies' | 'rules' | 'settings'}`)} ${one.version}${one.current ? '' : ` (${t('assets.behind')})`}`}
        </Badge>
      ))}
    </span>
  );
}

function NodeDetail({ node }: { node: Node }) {
  const { t } = useTranslation();
  return (
    <div className="grid-2">
      <Facts
        facts={[
          [t('assets.region'), node.region],
          [t('alert.cloud'), [node.provider, node.account].filter(Boolean).join(' ')],
          [t('assets.kernel'), node.kernel],
          [t('alert.firstTime'), <Time key="first" at={node.first_seen} />],
          ...node.versions
            .filter((one) => one.problem)
            .map((one): [string, string] => [
              t(`documentKind.${one.kind as 'policies' | 'rules' | 'settings'}`),
              one.problem,
            ]),
        ]}
      />
      <pre tabIndex={0} aria-label={t('assets.health')}>
        {JSON.stringify(node.health, null, 2)}
      </pre>
    </div>
  );
}
