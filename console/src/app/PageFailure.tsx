import { Button, Result } from 'antd';
import { useTranslation } from 'react-i18next';
import { isRouteErrorResponse, useRouteError } from 'react-router';

/** Stands where a page would, if that failed; the rest of the console goes on. */
export function PageFailure() {
  const { t } = useTranslation();
  const error = useRouteError();
  if (isRouteErrorResponse(error) && error.status === 404)
    return <Result status="404" title={t('state.noPage')} />;
  return (
    <Result
      status="error"
      title={t('state.crashed')}
      subTitle={t('state.crashedWhy')}
      extra={<Button onClick={() => window.location.reload()}>{t('live.reload')}</Button>}
    />
  );
}

export function NoPage() {
  const { t } = useTranslation();
  return <Result status="404" title={t('state.noPage')} />;
}
