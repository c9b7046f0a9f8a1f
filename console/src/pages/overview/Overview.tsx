import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Segmented, Table, theme } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, take } from '../../api/client';
import type { Category, Schema, Severity } from '../../api/types';
import { spanLabel } from '../alerts/AlertFilters';
import { SeverityBadge } from '../../ui/badges';
import { Chart, type ChartOption } from '../../ui/Chart';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { regional } from '../../ui/Time';
import { QueryView } from '../../ui/states';

type Data = Schema<'OverviewBody'>;

const SPANS_HOURS = [24, 168, 720];
const HOUR_MS = 3_600_000;
/** Above this, days say more than hours. A little more than a day: the clocks of center and browser differ. */
const DAY_MS = 25 * HOUR_MS;
/** Incidents that the center counts. */
const INCIDENTS_COUNTED_MAX = 500;
/** Widest bar, in pixels: one alone must not look like a wall. */
const BAR_WIDTH_MAX = 48;

/** How things stand: what is open, what happened, whether everything is protected. */
export function Overview() {
  const { t } = useTranslation();
  const [hours, setHours] = useState(24);
  const query = useQuery({
    queryKey: ['overview', hours],
    placeholderData: keepPreviousData,
    queryFn: () =>
      take(
        api.GET('/api/v1/overview', {
          params: { query: { from: new Date(Date.now() - hours * HOUR_MS).toISOString() } },
        }),
      ),
  });
  return (
    <Page
      title={t('nav.overview')}
      actions={
        <Segmented
          aria-label={t('alerts.span')}
          value={hours}
          options={SPANS_HOURS.map((value) => ({ value, label: spanLabel(t, value) }))}
          onChange={setHours}
        />
      }
    >
      <QueryView query={query}>{(data) => <View data={data} />}</QueryView>
    </Page>
  );
}

function View({ data }: { data: Data }) {
  const { t } = useTranslation();
  const open = (severity: Severity) => data.open_by_severity.find((one) => one.name === severity)?.count ?? 0;
  return (
    <div className="stack">
      <div className="grid-4">
        {(['urgent', 'suspicious', 'reminder'] as const).map((severity) => (
          <section key={severity} className="panel">
            <div className="figure-large">
              <Link
                to={`/alerts?severity=${severity}`}
                aria-label={t('overview.openOf', {
                  severity: t(`severity.${severity}`),
                  count: open(severity),
                })}
              >
                {open(severity).toLocaleString()}
              </Link>
            </div>
            <SeverityBadge severity={severity} /> <span className="secondary">{t('overview.open')}</span>
          </section>
        ))}
        <section className="panel">
          <div className="figure-large">
            <Link to="/incidents" aria-label={t('overview.openIncidents', { count: data.open_incidents })}>
              {data.open_incidents < INCIDENTS_COUNTED_MAX
                ? data.open_incidents.toLocaleString()
                : `${INCIDENTS_COUNTED_MAX.toLocaleString()}+`}
            </Link>
          </div>
          <span className="secondary">{t('overview.incidents')}</span>
        </section>
      </div>
      <div className="grid-2">
        <section className="panel">
          <h2>{t('overview.overTime')}</h2>
          <OverTime span={data} />
        </section>
        <section className="panel">
          <h2>{t('overview.byCategory')}</h2>
          <ByCategory categories={data.by_category} />
        </section>
      </div>
      <div className="grid-2">
        <Coverage coverage={data.coverage} />
        <Policies policies={data.policies} />
      </div>
      <Noisy rules={data.top_rules} />
    </div>
  );
}

function OverTime({ span }: { span: Pick<Data, 'from' | 'to' | 'over_time'> }) {
  const { from, to, over_time: buckets } = span;
  const days = Date.parse(to) - Date.parse(from) > DAY_MS;
  const { t, i18n } = useTranslation();
  const { token } = theme.useToken();
  const option = useMemo<ChartOption>(() => {
    const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    const day = { month: 'numeric', day: 'numeric' } as const;
    const short = new Intl.DateTimeFormat(regional(i18n.language), days ? day : clock);
    const long = new Intl.DateTimeFormat(regional(i18n.language), { ...day, ...clock });
    const colors: Record<Severity, string> = {
      urgent: token.colorError,
      suspicious: token.colorWarning,
      reminder: token.colorPrimary,
    };
    return {
      legend: { bottom: 0, textStyle: { color: token.colorText } },
      grid: { left: 40, right: 12, top: 12, bottom: 56 },
      tooltip: { trigger: 'axis', renderMode: 'richText' },
      xAxis: {
        type: 'category',
        data: buckets.map((one) => long.format(new Date(one.time))),
        axisTick: { alignWithLabel: true },
        axisLabel: {
          color: token.colorTextSecondary,
          hideOverlap: true,
          formatter: (_: string, index: number) => short.format(new Date(buckets[index]?.time ?? from)),
        },
      },
      yAxis: {
        type: 'value',
        minInterval: 1,
        axisLabel: { color: token.colorTextSecondary },
        splitLine: { lineStyle: { color: token.colorBorderSecondary } },
      },
      series: (['urgent', 'suspicious', 'reminder'] as const).map((severity) => ({
        type: 'bar' as const,
        barMaxWidth: BAR_WIDTH_MAX,
        stack: 'all',
        name: t(`severity.${severity}`),
        data: buckets.map((one) => one[severity]),
        itemStyle: { color: colors[severity] },
      })),
    };
  }, [from, days, buckets, t, i18n.language, token]);
  const sum = (severity: Severity) => buckets.reduce((total, one) => total + one[severity], 0);
  const text = (['urgent', 'suspicious', 'reminder'] as const)
    .map((severity) => `${t(`severity.${severity}`)} ${sum(severity)}`)
    .join(', ');
  return <Chart option={option} label={`${t('overview.overTime')}: ${text}`} />;
}

function ByCategory({ categories }: { categories: Schema<'NamedCount'>[] }) {
  const { t } = useTranslation();
  if (categories.length === 0) return <p className="secondary">{t('overview.quiet')}</p>;
  const most = Math.max(...categories.map((one) => one.count), 1);
  return (
    <ul className="bare-list stack">
      {categories.map((one) => (
        <li key={one.name} className="bar-row">
          <Link to={`/alerts?status=all&category=${one.name}`}>{t(`category.${one.name as Category}`)}</Link>
          <span className="bar" aria-hidden>
            <span style={{ width: `${(one.count / most) * 100}%` }} />
          </span>
          <span className="number">{one.count.toLocaleString()}</span>
        </li>
      ))}
    </ul>
  );
}

function Coverage({ coverage }: { coverage: Data['coverage'] }) {
  const { t } = useTranslation();
  const rows: [string, number][] = [
    [t('overview.online'), coverage.online],
    [t('overview.protected'), coverage.protected],
    [t('overview.proved'), coverage.proved],
  ];
  return (
    <section className="panel">
      <h2>{t('overview.coverage')}</h2>
      <ul className="bare-list stack">
        {rows.map(([label, count]) => (
          <li key={label} className="bar-row">
            <span>{label}</span>
            <span className="bar" aria-hidden>
              <span style={{ width: `${coverage.nodes ? (count / coverage.nodes) * 100 : 0}%` }} />
            </span>
            <span className="number">{t('overview.ofNodes', { nodes: coverage.nodes, have: count })}</span>
          </li>
        ))}
      </ul>
      <p>
        <Link to="/assets?tab=gaps">{t('overview.gaps', { count: coverage.gaps })}</Link>
      </p>
    </section>
  );
}

function Policies({ policies }: { policies: Data['policies'] }) {
  const { t } = useTranslation();
  const place: Record<string, string> = {
    policies: '/drift-policy',
    rules: '/catalogue',
    settings: '/protection',
  };
  return (
    <section className="panel">
      <h2>{t('overview.policies')}</h2>
      <ul className="bare-list stack">
        {policies.map((policy) => (
          <li key={policy.kind} className="row-between">
            <Link to={place[policy.kind] ?? '/'}>
              {t(`documentKind.${policy.kind as 'policies' | 'rules' | 'settings'}`)}
            </Link>
            <span>
              {t('versions.number', { version: policy.version })} ·{' '}
              {policy.nodes_behind > 0
                ? t('overview.behind', { count: policy.nodes_behind })
                : t('overview.current', { count: policy.nodes_current })}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Noisy({ rules }: { rules: Data['top_rules'] }) {
  const { t } = useTranslation();
  return (
    <section className="panel">
      <h2>{t('overview.noisy')}</h2>
      <Table
        size="small"
        rowKey="rule"
        pagination={false}
        dataSource={rules}
        scroll={{ x: 600 }}
        locale={{ emptyText: t('overview.quiet') }}
        columns={[
          {
            title: t('alerts.severity'),
            width: 140,
            render: (_, rule) => <SeverityBadge severity={rule.severity} />,
          },
          { title: t('filterField.rule'), render: (_, rule) => <Hostile wrap>{rule.rule}</Hostile> },
          {
            title: t('alerts.count'),
            width: 100,
            align: 'right',
            render: (_, rule) => rule.alerts.toLocaleString(),
          },
          {
            title: t('overview.tune'),
            width: 260,
            render: (_, rule) => (
              <span className="row">
                <Link to={`/alerts?${new URLSearchParams({ status: 'all', rule: rule.rule }).toString()}`}>
                  {t('overview.look')}
                </Link>
                <Link to={`/catalogue?${new URLSearchParams({ q: rule.rule }).toString()}`}>
                  {t('overview.switch')}
                </Link>
              </span>
            ),
          },
        ]}
      />
    </section>
  );
}
