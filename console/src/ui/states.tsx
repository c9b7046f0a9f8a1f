import { CloudServerOutlined, InboxOutlined, LockOutlined, WarningOutlined } from '@ant-design/icons';
import { Alert, Button, Skeleton } from 'antd';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CenterGone, Problem } from '../api/problem';
import { Hostile } from './Hostile';

/** A page or a part of one that has nothing to show, with what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state">
      <InboxOutlined className="state-icon" aria-hidden />
      <p className="state-title">{title}</p>
      {children}
    </div>
  );
}

/** While an answer is under way. */
export function Loading() {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t('state.loading')} className="state-loading">
      <Skeleton active paragraph={{ rows: 6 }} />
    </div>
  );
}

/** Why something could not be shown. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const forbidden = error instanceof Problem && error.status === 403;
  const gone = error instanceof CenterGone;
  const title = forbidden
    ? t('state.forbidden')
    : gone
      ? t('state.gone')
      : error instanceof Problem && error.status === 404
        ? t('state.notFound')
        : t('state.failed');
  return (
    <div className="state" role="alert">
      {forbidden ? (
        <LockOutlined className="state-icon" aria-hidden />
      ) : gone ? (
        <CloudServerOutlined className="state-icon" aria-hidden />
      ) : (
        <WarningOutlined className="state-icon" aria-hidden />
      )}
      <p className="state-title">{title}</p>
      {forbidden && <p>{t('state.forbiddenWhy')}</p>}
      {gone && <p>{t('state.goneWhy')}</p>}
      {error instanceof Problem && (
        <p>
          <Hostile wrap>{error.message}</Hostile>
        </p>
      )}
      {retry && !forbidden && <Button onClick={retry}>{t('action.retry')}</Button>}
    </div>
  );
}

/** The data of a query, or the state that it is in. Data once shown stays while it is fetched anew. */
export function QueryView<Data>({
  query,
  children,
}: {
  query: UseQueryResult<Data>;
  children: (data: Data) => ReactNode;
}) {
  const { t } = useTranslation();
  if (query.data === undefined) {
    if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
    return <Loading />;
  }
  return (
    <>
      {query.isRefetchError && (
        <Alert
          className="block-gap"
          type="warning"
          showIcon
          title={t('state.outdated')}
          action={
            <Button size="small" onClick={() => void query.refetch()}>
              {t('action.retry')}
            </Button>
          }
        />
      )}
      {children(query.data)}
    </>
  );
}

/** What went wrong with a change, above the form that it came from. */
export function ProblemNotice({ error }: { error: unknown }) {
  const { t } = useTranslation();
  if (!error) return null;
  const title =
    error instanceof CenterGone
      ? t('state.gone')
      : error instanceof Problem && error.status === 401
        ? t('state.sessionEnded')
        : t('state.refused');
  return (
    <Alert
      className="block-gap"
      type="error"
      showIcon
      role="alert"
      title={title}
      description={
        error instanceof Problem ? (
          <>
            <Hostile wrap>{error.message}</Hostile>
            <ul className="plain-list">
              {(error.body.errors ?? []).map((one) => (
                <li key={one.field}>
                  <code>{one.field}</code>: <Hostile wrap>{one.message}</Hostile>
                </li>
              ))}
            </ul>
          </>
        ) : undefined
      }
    />
  );
}
