import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Checkbox, Input, InputNumber, Modal, Popconfirm, Table } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { Badge } from '../../ui/badges';
import { CopyText } from '../../ui/CopyText';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { Time } from '../../ui/Time';

/** Hours that an enrolment token lives unless somebody says otherwise, and at most. */
const TOKEN_HOURS = 24;
const TOKEN_HOURS_MAX = 8760;

/** Tokens by which new sensors join, with the command to copy. */
export function Enrolment() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Schema<'EnrolmentTokenSecret'> | null>(null);
  const query = useQuery({
    queryKey: ['enrolment-tokens'],
    queryFn: () => take(api.GET('/api/v1/enrolment-tokens')),
  });
  const refresh = () => void client.invalidateQueries({ queryKey: ['enrolment-tokens'] });
  const revoke = useMutation({
    mutationFn: (id: string) =>
      take(api.DELETE('/api/v1/enrolment-tokens/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
    onError: (error) => message.error(error.message),
  });
  return (
    <>
      <p>
        <MayButton permission={MAY.writeFleet} type="primary" onClick={() => setAdding(true)}>
          {t('enrolment.add')}
        </MayButton>
      </p>
      <QueryView query={query}>
        {({ items }) => (
          <Table<Schema<'EnrolmentTokenBody'>>
            rowKey="id"
            size="small"
            dataSource={items}
            pagination={{ hideOnSinglePage: true }}
            scroll={{ x: 800 }}
            locale={{ emptyText: t('enrolment.none') }}
            columns={[
              {
                title: t('filterField.cluster'),
                render: (_, token) => <Hostile>{token.cluster || '—'}</Hostile>,
              },
              { title: t('assets.region'), render: (_, token) => <Hostile>{token.region || '—'}</Hostile> },
              {
                title: t('enrolment.uses'),
                render: (_, token) => `${token.uses}${token.one_time ? ' / 1' : ''}`,
              },
              {
                title: t('access.ends'),
                render: (_, token) => <Time at={token.expires_at} seconds={false} />,
              },
              { title: t('enrolment.by'), render: (_, token) => <Hostile>{token.created_by}</Hostile> },
              {
                title: t('table.actions'),
                render: (_, token) =>
                  token.revoked ? (
                    <Badge>{t('enrolment.revoked')}</Badge>
                  ) : (
                    <Popconfirm
                      title={t('enrolment.revokeSure')}
                      okText={t('access.revoke')}
                      onConfirm={() => revoke.mutate(token.id)}
                    >
                      <MayButton permission={MAY.writeFleet} size="small" danger>
                        {t('access.revoke')}
                      </MayButton>
                    </Popconfirm>
                  ),
              },
            ]}
          />
        )}
      </QueryView>
      {adding && (
        <TokenDialog
          onClose={() => setAdding(false)}
          onDone={(token) => {
            setAdding(false);
            setMade(token);
            refresh();
          }}
        />
      )}
      <Modal
        open={made !== null}
        width={720}
        title={t('enrolment.commands')}
        onCancel={() => setMade(null)}
        footer={<Button onClick={() => setMade(null)}>{t('action.done')}</Button>}
      >
        <p>{t('access.secretOnce')}</p>
        {made?.commands.map((command) => (
          <div key={command.platform}>
            <h3>{t(`platform.${command.platform as 'linux' | 'docker' | 'kubernetes'}`)}</h3>
            <CopyText text={command.command} label={command.platform} />
          </div>
        ))}
      </Modal>
    </>
  );
}

function TokenDialog({
  onClose,
  onDone,
}: {
  onClose: () => void;
  onDone: (made: Schema<'EnrolmentTokenSecret'>) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [cluster, setCluster] = useState('');
  const [region, setRegion] = useState('');
  const [oneTime, setOneTime] = useState(true);
  const [hours, setHours] = useState(TOKEN_HOURS);
  const save = useMutation({
    mutationFn: () =>
      take(api.POST('/api/v1/enrolment-tokens', { body: { cluster, region, one_time: oneTime, hours } })),
    onSuccess: onDone,
  });
  return (
    <Modal
      open
      title={t('enrolment.add')}
      onCancel={onClose}
      okText={t('enrolment.make')}
      cancelText={t('action.cancel')}
      confirmLoading={save.isPending}
      onOk={() => save.mutate()}
    >
      <div className="stack">
        <ProblemNotice error={save.error} />
        <div className="field">
          <label htmlFor={`${id}-cluster`}>{t('filterField.cluster')}</label>
          <Input
            id={`${id}-cluster`}
            maxLength={128}
            value={cluster}
            onChange={(event) => setCluster(event.target.value)}
          />
        </div>
        <div className="field">
          <label htmlFor={`${id}-region`}>{t('assets.region')}</label>
          <Input
            id={`${id}-region`}
            maxLength={128}
            value={region}
            onChange={(event) => setRegion(event.target.value)}
          />
        </div>
        <Checkbox checked={oneTime} onChange={(event) => setOneTime(event.target.checked)}>
          {t('enrolment.oneTime')}
        </Checkbox>
        <div className="field">
          <label htmlFor={`${id}-hours`}>{t('enrolment.hours')}</label>
          <InputNumber
            id={`${id}-hours`}
            min={1}
            max={TOKEN_HOURS_MAX}
            value={hours}
            onChange={(value) => setHours(value ?? TOKEN_HOURS)}
          />
        </div>
      </div>
    </Modal>
  );
}
