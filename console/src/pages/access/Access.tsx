import { Tabs } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { Page } from '../../ui/Page';
import { IdentityProvider } from './IdentityProvider';
import { Roles } from './Roles';
import { Tokens } from './Tokens';
import { Users } from './Users';

/** Who may do what: users, what roles allow, and API tokens. */
export function Access() {
  const { t } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const manages = useMay(MAY.manageUsers);
  // Whoever may not manage users finds the tabs all the same, and is told there why they are empty.
  const items = [
    { key: 'users', label: t('access.users'), children: <Users /> },
    { key: 'tokens', label: t('access.tokens'), children: <Tokens /> },
    { key: 'roles', label: t('access.roles'), children: <Roles /> },
    { key: 'provider', label: t('access.provider'), children: <IdentityProvider /> },
  ];
  return (
    <Page title={t('nav.access')} about={t('access.about')}>
      <Tabs
        activeKey={parameters.get('tab') ?? (manages ? 'users' : 'tokens')}
        onChange={(tab) => setParameters({ tab }, { replace: true })}
        items={items}
      />
    </Page>
  );
}
