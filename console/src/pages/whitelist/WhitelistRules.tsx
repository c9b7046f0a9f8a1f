import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Popconfirm, Table } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { Empty, QueryView } from '../../ui/states';
import { Ago, Time } from '../../ui/Time';
import { WhitelistEditor } from './WhitelistDrawer';

type Rule = Schema<'WhitelistRuleBody'>;

/** Every whitelist rule with how often it silenced something, so that none outlives its reason. */
export function WhitelistRules() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [editing, setEditing] = useState<Rule | null>(null);
  const query = useQuery({
    queryKey: ['whitelist'],
    queryFn: () => take(api.GET('/api/v1/whitelist-rules')),
  });
  const remove = useMutation({
    mutationFn: (id: string) =>
      take(api.DELETE('/api/v1/whitelist-rules/{id}', { params: { path: { id } } })),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['whitelist'] }),
    onError: (error) => message.error(error.message),
  });
  return (
    <Page title={t('nav.whitelist')} about={t('whitelist.about')} permission={MAY.writeWhitelist}>
      <QueryView query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t('whitelist.none')}>
              <p>{t('whitelist.noneWhy')}</p>
            </Empty>
          ) : (
            <Table<Rule>
              rowKey="id"
              dataSource={items}
              pagination={{ hideOnSinglePage: true }}
              scroll={{ x: 1000 }}
              columns={[
                { title: t('filterField.rule'), render: (_, rule) => <Hostile wrap>{rule.rule}</Hostile> },
                {
                  title: t('whitelist.conditions'),
                  render: (_, rule) => (
                    <ul className="bare-list">
                      {rule.conditions.map((condition, index) => (
                        <li key={index}>
                          {t(`whitelistField.${condition.field}`)}{' '}
                          {t(`whitelistOperator.${condition.operator}`)}{' '}
                          <Hostile code wrap max={200}>
                            {condition.value}
                          </Hostile>
                        </li>
                      ))}
                    </ul>
                  ),
                },
                {
                  title: t('whitelist.assets'),
                  render: (_, rule) =>
                    rule.nodes.length > 0 ? rule.nodes.join(', ') : t('whitelist.allAssets'),
                },
                {
                  title: t('whitelist.hits'),
                  align: 'right',
                  render: (_, rule) => rule.hits.toLocaleString(),
                },
                {
                  title: t('whitelist.lastHit'),
                  render: (_, rule) => (rule.last_hit_at ? <Ago at={rule.last_hit_at} /> : '—'),
                },
                {
                  title: t('whitelist.expires'),
                  render: (_, rule) =>
                    rule.expired ? (
                      <Badge tone="busy">{t('whitelist.expired')}</Badge>
                    ) : rule.expires_at ? (
                      <Time at={rule.expires_at} seconds={false} />
                    ) : (
                      t('whitelist.never')
                    ),
                },
                {
                  title: t('whitelist.owner'),
                  render: (_, rule) => <Hostile>{rule.owner || rule.created_by}</Hostile>,
                },
                {
                  title: t('table.actions'),
                  render: (_, rule) => (
                    <div className="row">
                      <MayButton
                        permission={MAY.writeWhitelist}
                        size="small"
                        onClick={() => setEditing(rule)}
                      >
                        {t('action.edit')}
                      </MayButton>
                      <Popconfirm
                        title={t('whitelist.removeSure')}
                        okText={t('action.remove')}
                        onConfirm={() => remove.mutate(rule.id)}
                      >
                        <MayButton permission={MAY.writeWhitelist} size="small" danger>
                          {t('action.remove')}
                        </MayButton>
                      </Popconfirm>
                    </div>
                  ),
                },
              ]}
            />
          )
        }
      </QueryView>
      {editing && (
        <WhitelistEditor
          existing={editing}
          draft={{
            rule: editing.rule,
            conditions: editing.conditions,
            nodes: editing.nodes,
            owner: editing.owner,
            reason: editing.reason,
            expires_at: editing.expires_at,
            enabled: editing.enabled,
            apply_to_open: false,
          }}
          onClose={() => setEditing(null)}
        />
      )}
    </Page>
  );
}
