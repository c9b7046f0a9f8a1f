import { CheckOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Table } from 'antd';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { QueryView } from '../../ui/states';

/** What each role allows, side by side. */
export function Roles() {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: ['roles'], queryFn: () => take(api.GET('/api/v1/roles')) });
  return (
    <QueryView query={query}>
      {({ items }) => {
        const permissions = [...new Set(items.flatMap((role) => role.permissions))];
        return (
          <Table<{ permission: string }>
            rowKey="permission"
            size="small"
            pagination={false}
            scroll={{ x: 600 }}
            dataSource={permissions.map((permission) => ({ permission }))}
            columns={[
              { title: t('access.permission'), render: (_, row) => <code>{row.permission}</code> },
              ...items.map((role) => ({
                title: t(`role.${role.role}`),
                key: role.role,
                render: (_: unknown, row: { permission: string }) =>
                  role.permissions.includes(row.permission) ? (
                    <CheckOutlined aria-label={t('alert.yes')} />
                  ) : (
                    <span className="secondary">{t('assets.no')}</span>
                  ),
              })),
            ]}
          />
        );
      }}
    </QueryView>
  );
}
