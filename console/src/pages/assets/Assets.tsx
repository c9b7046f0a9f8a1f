import { useQuery } from '@tanstack/react-query';
import { Input, Table, Tabs } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { Badge } from '../../ui/badges';
import { CursorTable } from '../../ui/CursorTable';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { QueryView } from '../../ui/states';
import { Ago, Time } from '../../ui/Time';
import { Commands, ContainerCommands } from './Commands';
import { NodeName } from './NodeName';
import { Nodes } from './Nodes';

const TABS = ['nodes', 'clusters', 'containers', 'images', 'canaries', 'gaps', 'commands'] as const;
type Tab = (typeof TABS)[number];

/** Entries fetched at once. */
const PAGE_ROWS = 100;
/** What is protected: nodes and their sensors, what runs on them, and proof that protection works. */
export function Assets() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const tab = TABS.find((one) => one === parameters.get('tab')) ?? 'nodes';
  const q = parameters.get('q') ?? '';
  const set = (name: 'tab' | 'q', value: string) => {
    const fresh = new URLSearchParams(parameters);
    if (value) fresh.set(name, value);
    else fresh.delete(name);
    setParameters(fresh, { replace: true });
  };
  const panes: Record<Tab, ReactNode> = {
    nodes: <Nodes q={q} />,
    clusters: <Clusters />,
    containers: <Containers q={q} />,
    images: <Images />,
    canaries: <Canaries />,
    gaps: <Gaps />,
    commands: <Commands />,
  };
  return (
    <Page title={t('nav.assets')} about={t('assets.about')}>
      {(tab === 'nodes' || tab === 'containers') && (
        <search className="filters">
          <Input.Search
            key={tab}
            allowClear
            style={{ maxWidth: 360 }}
            aria-label={t('assets.search')}
            placeholder={t('assets.search')}
            defaultValue={q}
            onSearch={(value) => set('q', value)}
          />
        </search>
      )}
      <Tabs
        activeKey={tab}
        destroyOnHidden
        onChange={(key) => set('tab', key)}
        items={TABS.map((key) => ({ key, label: t(`assetTab.${key}`), children: panes[key] }))}
      />
    </Page>
  );
}

function Clusters() {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: ['clusters'], queryFn: () => take(api.GET('/api/v1/clusters')) });
  return (
    <QueryView query={query}>
      {({ items }) => (
        <Table<Schema<'ClusterBody'>>
          size="small"
          rowKey={(cluster) => `${cluster.region}/${cluster.name}`}
          dataSource={items}
          pagination={{ hideOnSinglePage: true }}
          locale={{ emptyText: t('assets.noClusters') }}
          columns={[
            { title: t('assets.region'), render: (_, cluster) => <Hostile>{cluster.region || '—'}</Hostile> },
            {
              title: t('filterField.cluster'),
              render: (_, cluster) => <Hostile>{cluster.name || '—'}</Hostile>,
            },
            {
              title: t('assets.nodesOnline'),
              render: (_, cluster) => `${cluster.online} / ${cluster.nodes}`,
            },
            {
              title: t('assets.auditWebhook'),
              render: (_, cluster) =>
                cluster.audit_webhook ? (
                  <Badge tone="good">{t('assets.connected')}</Badge>
                ) : (
                  <Badge>{t('assets.notSetUp')}</Badge>
                ),
            },
          ]}
        />
      )}
    </QueryView>
  );
}

function Containers({ q }: { q: string }) {
  const { t } = useTranslation();
  return (
    <CursorTable<Schema<'ContainerBody'>>
      queryKey={['containers', q]}
      rowKey={(container) => `${container.node}/${container.id}`}
      scroll={{ x: 1200 }}
      empty={t('assets.noContainers')}
      fetch={(cursor) =>
        take(
          api.GET('/api/v1/containers', {
            params: { query: { limit: PAGE_ROWS, cursor, q: q || undefined } },
          }),
        )
      }
      columns={[
        { title: t('filterField.container'), render: (_, one) => <Hostile>{one.name}</Hostile> },
        { title: t('filterField.image'), render: (_, one) => <Hostile>{one.image}</Hostile> },
        {
          title: t('filterField.pod'),
          render: (_, one) => <Hostile>{[one.namespace, one.pod].filter(Boolean).join('/')}</Hostile>,
        },
        {
          title: t('filterField.cluster'),
          width: 130,
          render: (_, one) => <Hostile>{one.cluster || '—'}</Hostile>,
        },
        { title: t('filterField.node'), width: 150, render: (_, one) => <NodeName id={one.node} /> },
        {
          title: t('assets.state'),
          width: 110,
          render: (_, one) =>
            one.running ? (
              <Badge tone="good">{t('assets.running')}</Badge>
            ) : (
              <Badge>{t('assets.ended')}</Badge>
            ),
        },
        { title: t('alerts.lastTime'), width: 130, render: (_, one) => <Ago at={one.last_seen} /> },
        {
          title: t('table.actions'),
          width: 170,
          render: (_, one) => <ContainerCommands container={one} />,
        },
      ]}
    />
  );
}

function Images() {
  const { t } = useTranslation();
  return (
    <CursorTable<Schema<'ImageBody'>>
      queryKey={['images']}
      rowKey="digest"
      empty={t('assets.noImages')}
      fetch={(cursor) => take(api.GET('/api/v1/images', { params: { query: { limit: PAGE_ROWS, cursor } } }))}
      expandable={{ expandedRowRender: (image) => <pre>{JSON.stringify(image.document, null, 2)}</pre> }}
      columns={[
        { title: t('assets.reference'), render: (_, image) => <Hostile wrap>{image.reference}</Hostile> },
        { title: t('assets.digest'), render: (_, image) => <Hostile code>{image.digest}</Hostile> },
        {
          title: t('assets.containers'),
          width: 110,
          align: 'right',
          render: (_, image) => image.containers.toLocaleString(),
        },
        {
          title: t('alert.firstTime'),
          width: 150,
          render: (_, image) => <Time at={image.first_seen} seconds={false} />,
        },
        { title: t('alerts.lastTime'), width: 130, render: (_, image) => <Ago at={image.last_seen} /> },
      ]}
    />
  );
}

function Canaries() {
  const { t } = useTranslation();
  const answer = (held: boolean) => (
    <Badge tone={held ? 'good' : 'bad'}>{held ? t('alert.yes') : t('assets.no')}</Badge>
  );
  return (
    <>
      <p className="secondary">{t('assets.canaryAbout')}</p>
      <CursorTable<Schema<'CanaryBody'>>
        queryKey={['canaries']}
        rowKey={(canary) => `${canary.node}/${canary.kind}`}
        empty={t('assets.noCanaries')}
        fetch={(cursor) =>
          take(api.GET('/api/v1/canaries', { params: { query: { limit: PAGE_ROWS, cursor } } }))
        }
        columns={[
          { title: t('filterField.node'), render: (_, canary) => <NodeName id={canary.node} /> },
          {
            title: t('assets.kind'),
            render: (_, canary) => t(`canaryKind.${canary.kind as 'drift' | 'escape'}`),
          },
          { title: t('assets.seen'), render: (_, canary) => answer(canary.seen) },
          { title: t('assets.blocked'), render: (_, canary) => answer(canary.blocked) },
          {
            title: t('assets.latency'),
            align: 'right',
            render: (_, canary) => `${canary.latency_ms.toFixed(1)} ms`,
          },
          { title: t('assets.when'), render: (_, canary) => <Ago at={canary.time} /> },
        ]}
      />
    </>
  );
}

function Gaps() {
  const { t } = useTranslation();
  return (
    <>
      <p className="secondary">{t('assets.gapAbout')}</p>
      <CursorTable<Schema<'GapBody'>>
        queryKey={['gaps']}
        rowKey="id"
        empty={t('assets.noGaps')}
        fetch={(cursor) =>
          take(api.GET('/api/v1/coverage-gaps', { params: { query: { limit: PAGE_ROWS, cursor } } }))
        }
        expandable={{ expandedRowRender: (gap) => <pre>{JSON.stringify(gap.detail, null, 2)}</pre> }}
        columns={[
          { title: t('filterField.node'), render: (_, gap) => <NodeName id={gap.node} /> },
          { title: t('assets.kind'), render: (_, gap) => <Hostile>{gap.kind}</Hostile> },
          { title: t('assets.since'), render: (_, gap) => <Time at={gap.started} /> },
          {
            title: t('assets.until'),
            render: (_, gap) =>
              gap.ended ? <Time at={gap.ended} /> : <Badge tone="bad">{t('assets.lasts')}</Badge>,
          },
        ]}
      />
    </>
  );
}
