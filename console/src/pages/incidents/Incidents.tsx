import { Segmented } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { SeverityBadge } from '../../ui/badges';
import { CursorTable } from '../../ui/CursorTable';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { Ago } from '../../ui/Time';
import { titleOf } from '../alerts/title';

/** Incidents fetched at once. */
const PAGE_ROWS = 100;

/** Alerts that belong to one story, as one entry. */
export function Incidents() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const all = parameters.get('show') === 'all';
  return (
    <Page
      title={t('nav.incidents')}
      about={t('incidents.about')}
      actions={
        <Segmented
          aria-label={t('alerts.status')}
          value={all ? 'all' : 'open'}
          options={[
            { value: 'open', label: t('alerts.openOnly') },
            { value: 'all', label: t('incidents.all') },
          ]}
          onChange={(value) => setParameters(value === 'all' ? { show: 'all' } : {})}
        />
      }
    >
      <CursorTable<Schema<'IncidentSummary'>>
        queryKey={['incidents', all]}
        rowKey="id"
        empty={t('incidents.none')}
        fetch={(cursor) =>
          take(
            api.GET('/api/v1/incidents', {
              params: { query: { limit: PAGE_ROWS, cursor, open: all ? undefined : true } },
            }),
          )
        }
        columns={[
          {
            title: t('alerts.severity'),
            width: 130,
            render: (_, one) => <SeverityBadge severity={one.severity} />,
          },
          {
            title: t('alerts.title'),
            render: (_, one) => (
              <Link to={`/incidents/${one.id}`}>
                <Hostile wrap>{titleOf(one)}</Hostile>
              </Link>
            ),
          },
          {
            title: t('incidents.alerts'),
            width: 150,
            render: (_, one) => t('incidents.openOf', { open: one.open, all: one.alerts }),
          },
          {
            title: t('alerts.where'),
            render: (_, one) => (
              <Hostile>{[one.cluster, ...one.nodes, ...one.containers].filter(Boolean).join(' / ')}</Hostile>
            ),
          },
          { title: t('alert.firstTime'), width: 130, render: (_, one) => <Ago at={one.first_time} /> },
          { title: t('alerts.lastTime'), width: 130, render: (_, one) => <Ago at={one.last_time} /> },
        ]}
      />
    </Page>
  );
}
