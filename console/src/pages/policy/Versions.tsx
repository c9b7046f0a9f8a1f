import { useMutation, useQuery } from '@tanstack/react-query';
import { App, Button, Drawer, Input, Popconfirm } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MAY } from '../../app/permissions';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { TextDiff } from '../../ui/TextDiff';
import { Time } from '../../ui/Time';
import type { PolicyApi } from './api';
import type { Draft } from './useDraft';

/** Every version that was saved, what it changes against the one in force, and the way back to it. */
export function Versions<Policy>({
  api,
  draft,
  onClose,
}: {
  api: PolicyApi<Policy>;
  draft: Draft<Policy>;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [shown, setShown] = useState<number | null>(null);
  const list = useQuery({ queryKey: [api.key, 'versions'], queryFn: api.versions });
  return (
    <Drawer open size={760} onClose={onClose} title={t('versions.title')}>
      <QueryView query={list}>
        {({ items }) => (
          <ol className="bare-list stack" aria-label={t('versions.title')}>
            {items.map((version) => (
              <li key={version.version} className="panel">
                <div className="row-between">
                  <span>
                    <strong>{t('versions.number', { version: version.version })}</strong>{' '}
                    {version.version === draft.current.version && (
                      <span className="badge badge-good">{t('versions.inForce')}</span>
                    )}{' '}
                    <span className="secondary">
                      <Time at={version.saved_at} /> · <Hostile>{version.saved_by}</Hostile>
                    </span>
                  </span>
                  <Button
                    size="small"
                    aria-expanded={shown === version.version}
                    onClick={() => setShown(shown === version.version ? null : version.version)}
                  >
                    {t('versions.compare')}
                  </Button>
                </div>
                {version.comment && <Hostile wrap>{version.comment}</Hostile>}
                {shown === version.version && (
                  <VersionView
                    api={api}
                    draft={draft}
                    version={version.version}
                    onRolledBack={() => setShown(null)}
                  />
                )}
              </li>
            ))}
          </ol>
        )}
      </QueryView>
    </Drawer>
  );
}

function VersionView<Policy>({
  api,
  draft,
  version,
  onRolledBack,
}: {
  api: PolicyApi<Policy>;
  draft: Draft<Policy>;
  version: number;
  onRolledBack: () => void;
}) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [comment, setComment] = useState('');
  const query = useQuery({ queryKey: [api.key, 'versions', version], queryFn: () => api.version(version) });
  const rollback = useMutation({
    mutationFn: () => api.rollback(version, draft.current.etag, comment),
    onSuccess: (fresh) => {
      draft.saved(fresh);
      message.success(t('versions.rolledBack', { version, fresh: fresh.version }));
      onRolledBack();
    },
  });
  return (
    <QueryView query={query}>
      {(data) => (
        <div className="stack">
          <ProblemNotice error={rollback.error} />
          <TextDiff before={draft.current.yaml} after={data.yaml} />
          {version !== draft.current.version && (
            <div className="row">
              <Input
                aria-label={t('policy.comment')}
                placeholder={t('policy.comment')}
                style={{ flex: 1, minWidth: 180 }}
                maxLength={2000}
                value={comment}
                onChange={(event) => setComment(event.target.value)}
              />
              <Popconfirm
                title={t('versions.sure', { version })}
                description={draft.changed ? t('versions.dropsDraft') : undefined}
                okText={t('versions.rollBack')}
                onConfirm={() => rollback.mutate()}
              >
                <MayButton permission={MAY.writePolicies} danger loading={rollback.isPending}>
                  {t('versions.rollBack')}
                </MayButton>
              </Popconfirm>
            </div>
          )}
        </div>
      )}
    </QueryView>
  );
}
