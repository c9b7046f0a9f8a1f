import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Input, Modal, Popconfirm, Table } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { CopyText } from '../../ui/CopyText';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { Ago, Time } from '../../ui/Time';

/** Credentials by which API servers send their audit events, with the files that they need. */
export function AuditWebhooks() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [cluster, setCluster] = useState('');
  const [made, setMade] = useState<Schema<'AuditWebhookSecret'> | null>(null);
  const query = useQuery({
    queryKey: ['audit-webhooks'],
    queryFn: () => take(api.GET('/api/v1/k8s-audit-webhooks')),
  });
  const refresh = () => void client.invalidateQueries({ queryKey: ['audit-webhooks'] });
  const add = useMutation({
    mutationFn: () => take(api.POST('/api/v1/k8s-audit-webhooks', { body: { cluster } })),
    onSuccess: (secret) => {
      setMade(secret);
      setCluster('');
      refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (name: string) =>
      take(api.DELETE('/api/v1/k8s-audit-webhooks/{cluster}', { params: { path: { cluster: name } } })),
    onSuccess: refresh,
    onError: (error) => message.error(error.message),
  });
  return (
    <div className="stack">
      <p>{t('audit.about')}</p>
      <ProblemNotice error={add.error} />
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (cluster) add.mutate();
        }}
      >
        <Input
          aria-label={t('filterField.cluster')}
          placeholder={t('filterField.cluster')}
          style={{ width: 260 }}
          maxLength={128}
          value={cluster}
          onChange={(event) => setCluster(event.target.value)}
        />
        <MayButton
          permission={MAY.writeSettings}
          type="primary"
          loading={add.isPending}
          disabled={!cluster}
          onClick={() => add.mutate()}
        >
          {t('audit.add')}
        </MayButton>
      </form>
      <QueryView query={query}>
        {({ items }) => (
          <Table<Schema<'AuditWebhookBody'>>
            rowKey="cluster"
            size="small"
            dataSource={items}
            pagination={{ hideOnSinglePage: true }}
            scroll={{ x: 700 }}
            locale={{ emptyText: t('audit.none') }}
            columns={[
              { title: t('filterField.cluster'), render: (_, one) => <Hostile>{one.cluster}</Hostile> },
              { title: t('audit.events'), align: 'right', render: (_, one) => one.events.toLocaleString() },
              {
                title: t('audit.last'),
                render: (_, one) => (one.last_event_at ? <Ago at={one.last_event_at} /> : '—'),
              },
              { title: t('assets.since'), render: (_, one) => <Time at={one.created_at} seconds={false} /> },
              {
                title: t('table.actions'),
                render: (_, one) => (
                  <Popconfirm
                    title={t('audit.removeSure')}
                    okText={t('action.remove')}
                    onConfirm={() => remove.mutate(one.cluster)}
                  >
                    <MayButton permission={MAY.writeSettings} size="small" danger>
                      {t('action.remove')}
                    </MayButton>
                  </Popconfirm>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      <Modal
        open={made !== null}
        width={760}
        title={t('audit.files')}
        onCancel={() => setMade(null)}
        footer={<Button onClick={() => setMade(null)}>{t('action.done')}</Button>}
      >
        <p>{t('access.secretOnce')}</p>
        {made && (
          <>
            <h3>--audit-webhook-config-file</h3>
            <CopyText text={made.kubeconfig} label="--audit-webhook-config-file" />
            <h3>--audit-policy-file</h3>
            <CopyText text={made.audit_policy} label="--audit-policy-file" />
          </>
        )}
      </Modal>
    </div>
  );
}
