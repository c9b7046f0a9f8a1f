import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Popconfirm, Table } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { Facts } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Empty, QueryView } from '../../ui/states';
import { Ago, Time } from '../../ui/Time';
import { OutputDrawer } from './OutputDrawer';

type Output = Schema<'OutputBody'>;

const STATE_TONE = { idle: 'neutral', delivering: 'good', retrying: 'bad', disabled: 'neutral' } as const;

/** Where alerts are sent, and whether they arrive. */
export function Outputs() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [editing, setEditing] = useState<Output | 'new' | null>(null);
  const query = useQuery({
    queryKey: ['outputs'],
    queryFn: () => take(api.GET('/api/v1/outputs')),
    refetchInterval: 15_000,
  });
  const refresh = () => void client.invalidateQueries({ queryKey: ['outputs'] });
  const test = useMutation({
    mutationFn: (id: string) => take(api.POST('/api/v1/outputs/{id}/test', { params: { path: { id } } })),
    onSuccess: (result) => {
      refresh();
      if (result.delivered) message.success(t('outputs.tested', { ms: result.duration_ms }));
      else
        message.error(
          <Hostile wrap max={500}>
            {t('outputs.testFailed', { error: result.error })}
          </Hostile>,
          10,
        );
    },
    onError: (error) => message.error(error.message),
  });
  const remove = useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/outputs/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: (error) => message.error(error.message),
  });
  const add = (
    <MayButton permission={MAY.writeOutputs} type="primary" onClick={() => setEditing('new')}>
      {t('outputs.add')}
    </MayButton>
  );
  return (
    <>
      <QueryView query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('outputs.none')}>
              <p>{t('outputs.noneWhy')}</p>
              {add}
            </Empty>
          ) : (
            <>
              <p>{add}</p>
              <Table<Output>
                rowKey="id"
                size="small"
                dataSource={items}
                pagination={false}
                scroll={{ x: 900 }}
                expandable={{ expandedRowRender: (output) => <Delivery output={output} /> }}
                columns={[
                  { title: t('drift.name'), render: (_, output) => <Hostile>{output.name}</Hostile> },
                  { title: t('assets.kind'), render: (_, output) => t(`outputKind.${output.kind}`) },
                  {
                    title: t('outputs.delivery'),
                    render: (_, output) => (
                      <Badge tone={STATE_TONE[output.delivery.state]}>
                        {t(`deliveryState.${output.delivery.state}`)}
                      </Badge>
                    ),
                  },
                  {
                    title: t('outputs.delivered'),
                    align: 'right',
                    render: (_, output) => output.delivery.delivered.toLocaleString(),
                  },
                  {
                    title: t('outputs.failed'),
                    align: 'right',
                    render: (_, output) => output.delivery.failed.toLocaleString(),
                  },
                  {
                    title: t('outputs.dropped'),
                    align: 'right',
                    render: (_, output) => output.delivery.dropped.toLocaleString(),
                  },
                  {
                    title: t('table.actions'),
                    render: (_, output) => (
                      <div className="row">
                        <MayButton
                          permission={MAY.writeOutputs}
                          size="small"
                          loading={test.isPending}
                          onClick={() => test.mutate(output.id)}
                        >
                          {t('outputs.test')}
                        </MayButton>
                        <MayButton
                          permission={MAY.writeOutputs}
                          size="small"
                          onClick={() => setEditing(output)}
                        >
                          {t('action.edit')}
                        </MayButton>
                        <Popconfirm
                          title={t('outputs.removeSure', { name: output.name })}
                          okText={t('action.remove')}
                          onConfirm={() => remove.mutate(output.id)}
                        >
                          <MayButton permission={MAY.writeOutputs} size="small" danger>
                            {t('action.remove')}
                          </MayButton>
                        </Popconfirm>
                      </div>
                    ),
                  },
                ]}
              />
            </>
          )
        }
      </QueryView>
      {editing && (
        <OutputDrawer
          output={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onDone={() => {
            setEditing(null);
            refresh();
          }}
        />
      )}
    </>
  );
}

function Delivery({ output }: { output: Output }) {
  const { t } = useTranslation();
  const { delivery } = output;
  return (
    <Facts
      facts={[
        [
          t('outputs.lastSuccess'),
          delivery.last_success ? <Ago key="success" at={delivery.last_success} /> : '',
        ],
        [
          t('outputs.lastFailure'),
          delivery.last_failure ? <Ago key="failure" at={delivery.last_failure} /> : '',
        ],
        [t('outputs.error'), delivery.last_error],
        [t('outputs.retryAt'), delivery.retry_at ? <Time key="retry" at={delivery.retry_at} /> : ''],
        ...Object.entries(output.settings),
      ]}
    />
  );
}
