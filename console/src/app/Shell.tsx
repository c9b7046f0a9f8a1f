import { MenuOutlined, QuestionCircleOutlined, UserOutlined } from '@ant-design/icons';
import { useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Drawer, Dropdown, Layout, Menu } from 'antd';
import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Outlet, useLocation, useNavigate } from 'react-router';
import { useLiveEvents } from '../api/live';
import { Loading } from '../ui/states';
import { useKeys, type KeyMap } from '../ui/keys';
import { Choices } from './Choices';
import { KeyHelp } from './KeyHelp';
import { NAVIGATION, PLACES } from './navigation';
import { useSession } from './session';
import { useMedia } from './useMedia';

/** How long `g` waits for the key of a page, in milliseconds. */
const GO_WAIT_MS = 1500;

/** What stands around every page: navigation, who is logged in, whether the view is live. */
export function Shell() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const location = useLocation();
  const { session } = useSession();
  const narrow = useMedia('(max-width: 900px)');
  const [menuOpen, setMenuOpen] = useState(false);
  const [helpOpen, setHelpOpen] = useState(false);
  const [going, setGoing] = useState(0);
  const live = useLiveEvents(useQueryClient());

  useKeys({
    '?': () => setHelpOpen(true),
    g: () => setGoing(Date.now()),
    ...(going
      ? pageKeys(
          going,
          (path) => void navigate(path),
          () => setGoing(0),
        )
      : {}),
  });

  const menu = (
    <Navigation path={location.pathname} permissions={session.permissions} onGo={() => setMenuOpen(false)} />
  );
  return (
    <Layout className="shell">
      <a href="#content" className="skip-link">
        {t('nav.skip')}
      </a>
      <Layout.Header className="shell-head">
        {narrow && (
          <Button
            type="text"
            icon={<MenuOutlined />}
            aria-label={t('nav.menu')}
            onClick={() => setMenuOpen(true)}
          />
        )}
        <Link to="/" className="shell-brand">
          <img src="/favicon.svg" alt="" /> {t('product')}
        </Link>
        <span className="spring" />
        <LiveMark connected={live.connected} />
        <Button
          type="text"
          icon={<QuestionCircleOutlined />}
          aria-label={t('nav.keys')}
          onClick={() => setHelpOpen(true)}
        />
        <Choices />
        <UserMenu />
      </Layout.Header>
      <Layout>
        {narrow ? (
          <Drawer
            open={menuOpen}
            onClose={() => setMenuOpen(false)}
            placement="left"
            title={t('nav.menu')}
            size={260}
          >
            {menu}
          </Drawer>
        ) : (
          <Layout.Sider width={220} theme="light" className="shell-side">
            {menu}
          </Layout.Sider>
        )}
        <main id="content" className="shell-main" tabIndex={-1}>
          <NewerCenter version={live.newerVersion} />
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
      </Layout>
      <KeyHelp open={helpOpen} onClose={() => setHelpOpen(false)} />
    </Layout>
  );
}

/** The keys that lead to pages, for a moment after `g`. */
function pageKeys(since: number, go: (path: string) => void, done: () => void): KeyMap {
  const keys: KeyMap = {};
  for (const { key, path } of PLACES) {
    if (!key) continue;
    keys[key] = () => {
      done();
      if (Date.now() - since < GO_WAIT_MS) go(path);
    };
  }
  return keys;
}

function Navigation({ path, permissions, onGo }: { path: string; permissions: string[]; onGo: () => void }) {
  const { t } = useTranslation();
  const here = PLACES.find((place) => place.path !== '/' && path.startsWith(place.path))?.name ?? 'overview';
  return (
    <nav aria-label={t('nav.label')}>
      <Menu
        mode="inline"
        selectedKeys={path === '/account' ? [] : [here]}
        onClick={onGo}
        items={NAVIGATION.map((group) => ({
          key: group.name,
          type: 'group',
          label: t(`nav.${group.name}`),
          children: group.places
            .filter((place) => !place.permission || permissions.includes(place.permission))
            .map((place) => ({
              key: place.name,
              icon: place.icon,
              label: <Link to={place.path}>{t(`nav.${place.name}`)}</Link>,
            })),
        }))}
      />
    </nav>
  );
}

function UserMenu() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { session, logOut } = useSession();
  return (
    <Dropdown
      trigger={['click']}
      menu={{
        items: [
          { key: 'role', label: t(`role.${session.user.role}`), disabled: true },
          { key: 'account', label: t('nav.account'), onClick: () => void navigate('/account') },
          { key: 'out', label: t('nav.logOut'), onClick: () => void logOut() },
        ],
      }}
    >
      <Button type="text" icon={<UserOutlined />} aria-label={t('nav.userMenu', { name: session.user.name })}>
        {session.user.name}
      </Button>
    </Dropdown>
  );
}

function LiveMark({ connected }: { connected: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={`badge ${connected ? 'badge-good' : 'badge-busy'}`} role="status">
      <span aria-hidden>{connected ? '●' : '○'}</span> {connected ? t('live.on') : t('live.off')}
    </span>
  );
}

function NewerCenter({ version }: { version: string | null }) {
  const { t } = useTranslation();
  if (!version) return null;
  return (
    <Alert
      banner
      type="info"
      title={t('live.newer', { version })}
      action={<Button onClick={() => window.location.reload()}>{t('live.reload')}</Button>}
    />
  );
}
