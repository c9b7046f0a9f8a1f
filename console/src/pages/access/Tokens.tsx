import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Drawer, Input, InputNumber, Modal, Popconfirm, Table } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useSession } from '../../app/session';
import { CopyText } from '../../ui/CopyText';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { Ago, Time } from '../../ui/Time';
import { ScopeFields } from './ScopeFields';
import { Limits } from './Users';

/** API tokens, for programs that speak to the center. */
export function Tokens() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const query = useQuery({ queryKey: ['tokens'], queryFn: () => take(api.GET('/api/v1/tokens')) });
  const refresh = () => void client.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: (error) => message.error(error.message),
  });
  return (
    <>
      <p>
        <MayButton permission={MAY.manageTokens} type="primary" onClick={() => setAdding(true)}>
          {t('access.addToken')}
        </MayButton>
      </p>
      <QueryView query={query}>
        {({ items }) => (
          <Table<Schema<'TokenBody'>>
            rowKey="id"
            size="small"
            dataSource={items}
            pagination={{ hideOnSinglePage: true }}
            scroll={{ x: 800 }}
            locale={{ emptyText: t('access.noTokens') }}
            columns={[
              { title: t('access.tokenName'), render: (_, token) => <Hostile>{token.name}</Hostile> },
              { title: t('drift.owner'), render: (_, token) => <Hostile>{token.owner}</Hostile> },
              { title: t('access.role'), render: (_, token) => t(`role.${token.role}`) },
              { title: t('access.limits'), render: (_, token) => <Limits scope={token.scope} /> },
              {
                title: t('access.ends'),
                render: (_, token) => <Time at={token.expires_at} seconds={false} />,
              },
              {
                title: t('access.lastUsed'),
                render: (_, token) => (token.last_used_at ? <Ago at={token.last_used_at} /> : '—'),
              },
              {
                title: t('table.actions'),
                render: (_, token) => (
                  <Popconfirm
                    title={t('access.revokeSure')}
                    okText={t('access.revoke')}
                    onConfirm={() => revoke.mutate(token.id)}
                  >
                    <Button size="small" danger>
                      {t('access.revoke')}
                    </Button>
                  </Popconfirm>
                ),
              },
            ]}
          />
        )}
      </QueryView>
      {adding && (
        <TokenDrawer
          onClose={() => setAdding(false)}
          onDone={(made) => {
            setAdding(false);
            setSecret(made.secret);
            refresh();
          }}
        />
      )}
      <Modal
        open={secret !== null}
        title={t('access.tokenTitle')}
        onCancel={() => setSecret(null)}
        footer={<Button onClick={() => setSecret(null)}>{t('action.done')}</Button>}
      >
        <p>{t('access.secretOnce')}</p>
        {secret && <CopyText text={secret} label={t('access.tokenTitle')} />}
      </Modal>
    </>
  );
}

/** Days that a token lives unless somebody says otherwise. */
const TOKEN_DAYS = 90;
/** Longest life of a token, in days. */
const TOKEN_DAYS_MAX = 365;

function TokenDrawer({
  onClose,
  onDone,
}: {
  onClose: () => void;
  onDone: (made: Schema<'TokenSecret'>) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const { session } = useSession();
  const [name, setName] = useState('');
  const [days, setDays] = useState(TOKEN_DAYS);
  const [role, setRole] = useState(session.user.role);
  const [scope, setScope] = useState(session.user.scope);
  const save = useMutation({
    mutationFn: () => take(api.POST('/api/v1/tokens', { body: { name, role, scope, days } })),
    onSuccess: onDone,
  });
  return (
    <Drawer open size={480} onClose={onClose} title={t('access.addToken')}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <ProblemNotice error={save.error} />
        <div className="field">
          <label htmlFor={`${id}-name`}>{t('access.tokenName')}</label>
          <Input
            id={`${id}-name`}
            maxLength={128}
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
        <div className="field">
          <label htmlFor={`${id}-days`}>{t('access.days')}</label>
          <InputNumber
            id={`${id}-days`}
            min={1}
            max={TOKEN_DAYS_MAX}
            value={days}
            onChange={(value) => setDays(value ?? TOKEN_DAYS)}
          />
        </div>
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
