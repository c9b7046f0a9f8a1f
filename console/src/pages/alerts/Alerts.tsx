import { useQueryClient } from '@tanstack/react-query';
import { Button, Checkbox } from 'antd';
import type { TFunction } from 'i18next';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { isLong } from '../../api/refresh';
import type { AlertSummary, Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { ActionBadge, SeverityBadge, StatusBadge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { useKeys } from '../../ui/keys';
import { LongTable, type Column } from '../../ui/LongTable';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { Empty, Failure, Loading } from '../../ui/states';
import { Ago } from '../../ui/Time';
import { AlertFilters } from './AlertFilters';
import { readFilter } from './filter';
import { HandleDrawer } from './HandleDrawer';
import { useAlertCounts, useAlerts } from './queries';
import { titleOf } from './title';

type Selection = Schema<'AlertSelection'>;

/** Alerts of one selection at most: the center takes no more ids at once. */
const SELECTED_MAX = 1000;

/** Alerts that the center counts: of so many, nobody needs to know how many more there are. */
const COUNTED_MAX = 10_000;

export function Alerts() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [parameters, setParameters] = useSearchParams();
  const filter = readFilter(parameters);
  const client = useQueryClient();
  const list = useAlerts(filter);
  const counts = useAlertCounts(filter);
  const [current, setCurrent] = useState(-1);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [handling, setHandling] = useState<Selection | null>(null);

  const alerts = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data]);
  const here = alerts[current];
  const toggle = (id: string) => {
    const fresh = new Set(selected);
    if (!fresh.delete(id) && fresh.size < SELECTED_MAX) fresh.add(id);
    setSelected(fresh);
  };
  const open = (alert: AlertSummary) =>
    void navigate(`/alerts/${alert.id}`, { state: { search: parameters.toString() } });

  useKeys({
    j: () => setCurrent(Math.min(current + 1, alerts.length - 1)),
    k: () => setCurrent(Math.max(current - 1, 0)),
    Enter: () => here && open(here),
    x: () => here && toggle(here.id),
    e: () => {
      if (selected.size > 0) setHandling({ ids: [...selected] });
      else if (here) setHandling({ ids: [here.id] });
    },
    '/': () => document.getElementById('alert-search')?.focus(),
  });

  const total = counts.data?.total;
  // A long list is not fetched anew by itself: whoever reads it says when.
  const outdated = list.isStale && isLong(list.data);
  const begin = () => {
    setCurrent(-1);
    void client.resetQueries({ queryKey: ['alerts', filter] });
  };
  return (
    <Page
      title={t('nav.alerts')}
      about={t('alerts.about')}
      permission={MAY.handleAlerts}
      actions={
        <>
          <MayButton
            permission={MAY.handleAlerts}
            type="primary"
            disabled={selected.size === 0}
            onClick={() => setHandling({ ids: [...selected] })}
          >
            {t('alerts.handleSelected', { count: selected.size })}
          </MayButton>
          <MayButton
            permission={MAY.handleAlerts}
            disabled={alerts.length === 0}
            onClick={() => setHandling({ filter })}
          >
            {t('alerts.handleFiltered')}
          </MayButton>
        </>
      }
    >
      <AlertFilters
        parameters={parameters}
        counts={counts.data}
        onChange={(fresh) => {
          setCurrent(-1);
          setSelected(new Set());
          setParameters(fresh);
        }}
      />
      <p className="secondary" role="status">
        {total === undefined
          ? t('state.loading')
          : total < COUNTED_MAX
            ? t('alerts.found', { count: total })
            : t('alerts.foundMany', { count: COUNTED_MAX })}
        {selected.size > 0 && ` · ${t('alerts.selected', { count: selected.size })}`}
        {outdated && (
          <>
            {` · ${t('alerts.outdated')} `}
            <Button size="small" onClick={begin}>
              {t('alerts.fromTop')}
            </Button>
          </>
        )}
      </p>
      {list.isPending ? (
        <Loading />
      ) : list.isError && !list.data ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : alerts.length === 0 ? (
        <Empty title={t('alerts.none')}>
          <p>{t('alerts.noneWhy')}</p>
          <Button onClick={() => setParameters({ status: 'all' })}>{t('alerts.showAll')}</Button>
        </Empty>
      ) : (
        <LongTable
          label={t('nav.alerts')}
          rows={alerts}
          total={total !== undefined && total < COUNTED_MAX ? total : undefined}
          columns={columns(t, selected, toggle)}
          rowKey={(alert) => alert.id}
          current={current}
          onOpen={open}
          onEnd={() => {
            if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
          }}
          height="calc(100vh - 290px)"
        />
      )}
      {handling && (
        <HandleDrawer
          selection={handling}
          onClose={() => setHandling(null)}
          onDone={() => {
            setHandling(null);
            setSelected(new Set());
          }}
        />
      )}
    </Page>
  );
}

function columns(
  t: TFunction,
  selected: ReadonlySet<string>,
  toggle: (id: string) => void,
): Column<AlertSummary>[] {
  return [
    {
      key: 'select',
      title: <span className="visually-hidden">{t('alerts.select')}</span>,
      width: 40,
      render: (alert) => (
        <Checkbox
          checked={selected.has(alert.id)}
          onChange={() => toggle(alert.id)}
          aria-label={t('alerts.selectOne', { title: titleOf(alert) })}
        />
      ),
    },
    {
      key: 'severity',
      title: t('alerts.severity'),
      width: 120,
      render: (alert) => <SeverityBadge severity={alert.severity} />,
    },
    {
      key: 'title',
      title: t('alerts.title'),
      render: (alert) => (
        <Link to={`/alerts/${alert.id}`}>
          <Hostile>{titleOf(alert)}</Hostile>
        </Link>
      ),
    },
    {
      key: 'where',
      title: t('alerts.where'),
      width: 210,
      render: (alert) => (
        <Hostile>
          {[alert.namespace, alert.pod || alert.container, alert.node].filter(Boolean).join(' / ')}
        </Hostile>
      ),
    },
    { key: 'count', title: t('alerts.count'), width: 70, render: (alert) => alert.count.toLocaleString() },
    {
      key: 'action',
      title: t('alerts.action'),
      width: 130,
      render: (alert) => <ActionBadge action={alert.action} />,
    },
    {
      key: 'status',
      title: t('alerts.status'),
      width: 140,
      render: (alert) => <StatusBadge status={alert.status} />,
    },
    { key: 'time', title: t('alerts.lastTime'), width: 105, render: (alert) => <Ago at={alert.last_time} /> },
  ];
}
