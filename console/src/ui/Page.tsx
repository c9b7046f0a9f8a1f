import { Alert } from 'antd';
import { useEffect, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay, useSession } from '../app/session';

/** The frame of every page: heading, what the page is for, and what can be done on it. */
export function Page({
  title,
  about,
  actions,
  permission,
  children,
}: {
  title: string;
  about?: string;
  actions?: ReactNode;
  /** What it takes to change something here; whoever lacks it is told so. */
  permission?: string;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${title} · ${t('product')}`;
  }, [title, t]);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <h1>{title}</h1>
          {about && <p className="page-about">{about}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </div>
      {permission && <ReadOnlyNotice permission={permission} />}
      {children}
    </div>
  );
}

function ReadOnlyNotice({ permission }: { permission: string }) {
  const { t } = useTranslation();
  const { session } = useSession();
  if (useMay(permission)) return null;
  return (
    <Alert
      className="block-gap"
      type="info"
      showIcon
      title={t('state.readOnly')}
      description={t('state.readOnlyWhy', { role: t(`role.${session.user.role}`) })}
    />
  );
}
