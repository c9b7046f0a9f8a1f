import { useMutation } from '@tanstack/react-query';
import { Alert, Button, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { CursorTable } from '../../ui/CursorTable';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { ProblemNotice } from '../../ui/states';
import { TextDiff } from '../../ui/TextDiff';
import { Time } from '../../ui/Time';

const FIELDS = ['actor', 'action', 'object_kind', 'object_id'] as const;
/** Entries fetched at once. */
const PAGE_ROWS = 100;

/** Who changed what, from where, with what was before and after; and whether the log is whole. */
export function AuditLog() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const filter = Object.fromEntries(
    FIELDS.flatMap((field) => (parameters.get(field) ? [[field, parameters.get(field)]] : [])),
  ) as Partial<Record<(typeof FIELDS)[number], string>>;
  const verify = useMutation({ mutationFn: () => take(api.GET('/api/v1/audit-log/verify')) });
  return (
    <Page
      title={t('nav.auditLog')}
      about={t('auditLog.about')}
      actions={
        <Button loading={verify.isPending} onClick={() => verify.mutate()}>
          {t('auditLog.verify')}
        </Button>
      }
    >
      <ProblemNotice error={verify.error} />
      {verify.data && (
        <Alert
          className="block-gap"
          showIcon
          role="status"
          type={verify.data.intact ? 'success' : 'error'}
          title={
            verify.data.intact
              ? t('auditLog.intact', { count: verify.data.entries })
              : t('auditLog.broken', { number: verify.data.broken_at ?? 0 })
          }
          description={
            <>
              {t('auditLog.head')} <code>{verify.data.head}</code>
            </>
          }
        />
      )}
      <search className="filters">
        {FIELDS.map((field) => (
          <Input.Search
            key={field}
            allowClear
            style={{ width: 220 }}
            aria-label={t(`auditLog.${field}`)}
            placeholder={t(`auditLog.${field}`)}
            defaultValue={filter[field]}
            onSearch={(value) => {
              const fresh = new URLSearchParams(parameters);
              if (value) fresh.set(field, value);
              else fresh.delete(field);
              setParameters(fresh);
            }}
          />
        ))}
      </search>
      <CursorTable<Schema<'AuditEntryBody'>>
        queryKey={['audit-log', filter]}
        rowKey="number"
        empty={t('auditLog.none')}
        fetch={(cursor) =>
          take(api.GET('/api/v1/audit-log', { params: { query: { ...filter, limit: PAGE_ROWS, cursor } } }))
        }
        expandable={{
          expandedRowRender: (entry) => (
            <TextDiff before={pretty(entry.before)} after={pretty(entry.after)} />
          ),
        }}
        columns={[
          { title: '#', width: 80, dataIndex: 'number' },
          { title: t('assets.when'), width: 190, render: (_, entry) => <Time at={entry.time} /> },
          {
            title: t('auditLog.actor'),
            render: (_, entry) => (
              <>
                <Hostile>{entry.actor}</Hostile>{' '}
                <span className="secondary">{t(`actorKind.${entry.actor_kind as 'user'}`)}</span>
              </>
            ),
          },
          { title: t('auditLog.address'), render: (_, entry) => <Hostile>{entry.address}</Hostile> },
          { title: t('auditLog.action'), render: (_, entry) => <Hostile>{entry.action}</Hostile> },
          {
            title: t('auditLog.object'),
            render: (_, entry) => (
              <Hostile wrap max={200}>{`${entry.object_kind} ${entry.object_id}`}</Hostile>
            ),
          },
        ]}
      />
    </Page>
  );
}

function pretty(value: unknown): string {
  return value == null ? '' : JSON.stringify(value, null, 2);
}
