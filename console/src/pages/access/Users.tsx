import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Drawer, Input, Modal, Popconfirm, Switch, Table } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useSession } from '../../app/session';
import { Badge } from '../../ui/badges';
import { CopyText } from '../../ui/CopyText';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { Ago } from '../../ui/Time';
import { ScopeFields } from './ScopeFields';

type User = Schema<'UserBody'>;

/** People and what they may do. */
export function Users() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const { session } = useSession();
  const [editing, setEditing] = useState<User | 'new' | null>(null);
  const [secret, setSecret] = useState<Schema<'UserSecret'> | null>(null);
  const query = useQuery({ queryKey: ['users'], queryFn: () => take(api.GET('/api/v1/users')) });
  const refresh = () => void client.invalidateQueries({ queryKey: ['users'] });
  const failed = (error: Error) => void message.error(error.message);
  const update = useMutation({
    mutationFn: ({ id, body }: { id: string; body: Schema<'UserUpdate'> }) =>
      take(api.PATCH('/api/v1/users/{id}', { params: { path: { id } }, body })),
    onSuccess: refresh,
    onError: failed,
  });
  const reset = useMutation({
    mutationFn: (id: string) =>
      take(api.POST('/api/v1/users/{id}/password-reset', { params: { path: { id } } })),
    onSuccess: (made) => {
      setSecret(made);
      refresh();
    },
    onError: failed,
  });
  const unlock = useMutation({
    mutationFn: (id: string) => take(api.POST('/api/v1/users/{id}/unlock', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: failed,
  });
  const remove = useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/users/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: failed,
  });
  return (
    <>
      <p>
        <MayButton permission={MAY.manageUsers} type="primary" onClick={() => setEditing('new')}>
          {t('access.addUser')}
        </MayButton>
      </p>
      <QueryView query={query}>
        {({ items }) => (
          <Table<User>
            rowKey="id"
            size="small"
            dataSource={items}
            pagination={{ hideOnSinglePage: true }}
            scroll={{ x: 900 }}
            columns={[
              {
                title: t('logIn.name'),
                render: (_, user) => (
                  <>
                    <Hostile>{user.name}</Hostile>{' '}
                    {user.id === session.user.id && <Badge>{t('access.you')}</Badge>}
                  </>
                ),
              },
              { title: t('access.role'), render: (_, user) => t(`role.${user.role}`) },
              { title: t('access.limits'), render: (_, user) => <Limits scope={user.scope} /> },
              {
                title: t('access.mayLogIn'),
                render: (_, user) => (
                  <Switch
                    aria-label={t('access.enableUser', { name: user.name })}
                    checked={user.enabled}
                    disabled={user.id === session.user.id}
                    onChange={(enabled) => update.mutate({ id: user.id, body: { enabled } })}
                  />
                ),
              },
              {
                title: t('alerts.status'),
                render: (_, user) => (
                  <span className="row">
                    {user.must_change_password && <Badge tone="busy">{t('access.oneTime')}</Badge>}
                    {user.locked_until && <Badge tone="bad">{t('access.locked')}</Badge>}
                  </span>
                ),
              },
              {
                title: t('access.lastLogIn'),
                render: (_, user) => (user.last_login_at ? <Ago at={user.last_login_at} /> : '—'),
              },
              {
                title: t('table.actions'),
                render: (_, user) => (
                  <div className="row">
                    <Button size="small" onClick={() => setEditing(user)}>
                      {t('action.edit')}
                    </Button>
                    {user.locked_until && (
                      <Button size="small" onClick={() => unlock.mutate(user.id)}>
                        {t('access.unlock')}
                      </Button>
                    )}
                    <Popconfirm
                      title={t('access.resetSure', { name: user.name })}
                      onConfirm={() => reset.mutate(user.id)}
                    >
                      <Button size="small">{t('access.reset')}</Button>
                    </Popconfirm>
                    <Popconfirm
                      title={t('access.removeSure', { name: user.name })}
                      okText={t('action.remove')}
                      onConfirm={() => remove.mutate(user.id)}
                    >
                      <Button size="small" danger disabled={user.id === session.user.id}>
                        {t('action.remove')}
                      </Button>
                    </Popconfirm>
                  </div>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {editing && (
        <UserDrawer
          user={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onDone={(made) => {
            setEditing(null);
            setSecret(made);
            refresh();
          }}
        />
      )}
      <Modal
        open={secret !== null}
        title={t('access.secretTitle', { name: secret?.user.name ?? '' })}
        onCancel={() => setSecret(null)}
        footer={<Button onClick={() => setSecret(null)}>{t('action.done')}</Button>}
      >
        <p>{t('access.secretOnce')}</p>
        {secret && <CopyText text={secret.one_time_password} label={t('access.oneTime')} />}
      </Modal>
    </>
  );
}

/** What a role is limited to, in words. */
export function Limits({ scope }: { scope: Schema<'AccessScope'> }) {
  const { t } = useTranslation();
  const parts = [...(scope.clusters ?? []), ...(scope.namespaces ?? [])];
  return parts.length === 0 ? (
    <span>{t('access.all')}</span>
  ) : (
    <Hostile wrap max={200}>
      {parts.join(', ')}
    </Hostile>
  );
}

function UserDrawer({
  user,
  onClose,
  onDone,
}: {
  user: User | null;
  onClose: () => void;
  onDone: (secret: Schema<'UserSecret'> | null) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState(user?.name ?? '');
  const [role, setRole] = useState(user?.role ?? 'security-reader');
  const [scope, setScope] = useState(user?.scope ?? {});
  const save = useMutation({
    mutationFn: async () => {
      if (!user) return take(api.POST('/api/v1/users', { body: { name, role, scope } }));
      await take(
        api.PATCH('/api/v1/users/{id}', { params: { path: { id: user.id } }, body: { role, scope } }),
      );
      return null;
    },
    onSuccess: onDone,
  });
  return (
    <Drawer open size={480} onClose={onClose} title={user ? t('access.editUser') : t('access.addUser')}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <ProblemNotice error={save.error} />
        <div className="field">
          <label htmlFor={id}>{t('logIn.name')}</label>
          <Input
            id={id}
            maxLength={64}
            disabled={user !== null}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <ScopeFields
          role={role}
          scope={scope}
          onChange={(fresh, limits) => {
            setRole(fresh);
            setScope(limits);
          }}
        />
        <div className="row">
          <Button type="primary" htmlType="submit" loading={save.isPending} disabled={!name}>
            {t('action.save')}
          </Button>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
        </div>
      </form>
    </Drawer>
  );
}
