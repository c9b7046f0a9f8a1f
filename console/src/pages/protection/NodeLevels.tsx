import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Select, Table } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { Hostile } from '../../ui/Hostile';
import { QueryView } from '../../ui/states';

type Level = Schema<'ProtectionLevel'>;
type Node = Schema<'NodeBody'>;

const LEVELS: Level[] = ['none', 'host', 'host-and-container'];
/** Nodes that are listed here; all of them are among the assets. */
const NODES_LISTED = 200;

/** How far each node is protected, by what means it enforces, and whom the switches leave out. */
export function NodeLevels({ settings }: { settings: Schema<'ProtectionSettings'> }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const may = useMay(MAY.writeFleet);
  const nodes = useQuery({
    queryKey: ['nodes', { limit: NODES_LISTED }],
    queryFn: () => take(api.GET('/api/v1/nodes', { params: { query: { limit: NODES_LISTED } } })),
  });
  const change = useMutation({
    mutationFn: ({ node, level }: { node: Node; level: Level }) =>
      take(
        api.PUT('/api/v1/nodes/{id}/protection-level', {
          params: { path: { id: node.id }, header: { 'If-Match': node.etag } },
          body: { level },
        }),
      ),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['nodes'] });
      void client.invalidateQueries({ queryKey: ['protection'] });
    },
    onError: (error) => message.error(error.message),
  });
  return (
    <section className="panel" aria-labelledby="levels">
      <h2 id="levels">{t('protection.levels')}</h2>
      <p className="row">
        {settings.levels.map((level) => (
          <span key={level.name} className="badge">
            {t(`level.${level.name as Level}`)}: {level.count}
          </span>
        ))}
      </p>
      {settings.nodes_left_out_count > 0 && (
        <Alert
          className="block-gap"
          type="warning"
          showIcon
          title={t('protection.leftOut', { count: settings.nodes_left_out_count })}
          description={
            <Hostile wrap max={2000}>
              {settings.nodes_left_out.join(', ')}
            </Hostile>
          }
        />
      )}
      <QueryView query={nodes}>
        {({ items, next_cursor: more }) => (
          <>
            <Table<Node>
              rowKey="id"
              size="small"
              dataSource={items}
              pagination={{ hideOnSinglePage: true, pageSize: 20 }}
              scroll={{ x: 700 }}
              columns={[
                { title: t('filterField.node'), render: (_, node) => <Hostile>{node.name}</Hostile> },
                { title: t('filterField.cluster'), render: (_, node) => <Hostile>{node.cluster}</Hostile> },
                { title: t('assets.backend'), render: (_, node) => <Hostile>{node.backend}</Hostile> },
                {
                  title: t('protection.level'),
                  render: (_, node) => (
                    <Select
                      aria-label={t('protection.levelOf', { name: node.name })}
                      style={{ width: 200 }}
                      disabled={!may}
                      value={node.protection_level}
                      options={LEVELS.map((value) => ({ value, label: t(`level.${value}`) }))}
                      onChange={(level) => change.mutate({ node, level })}
                    />
                  ),
                },
              ]}
            />
            {more && <Link to="/assets">{t('protection.allNodes')}</Link>}
          </>
        )}
      </QueryView>
    </section>
  );
}
