import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { App as AntApp, ConfigProvider } from 'antd';
import type { Locale } from 'antd/es/locale';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { RouterProvider } from 'react-router';
import { Problem } from '../api/problem';
import { Failure, Loading } from '../ui/states';
import { FirstPassword } from '../pages/log-in/FirstPassword';
import { LogIn } from '../pages/log-in/LogIn';
import { Choosing, KeepChoices } from './preferences';
import { router } from './routes';
import { SessionGate } from './session';
import { Appearances, storeAppearance, storedAppearance, themeFor, type AppearanceChoice } from './theme';
import { useMedia } from './useMedia';

/** Attempts after a center that does not answer; refusals are not tried again. */
const RETRIES_MAX = 3;

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: true,
      retry: (failures, error) => !(error instanceof Problem) && failures < RETRIES_MAX,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 8000),
      throwOnError: false,
    },
    // A change is never sent twice by itself: whether the first one arrived is not known.
    mutations: { retry: false },
  },
});

const antLocale: Record<string, () => Promise<{ default: Locale }>> = {
  en: () => import('antd/es/locale/en_US'),
  ja: () => import('antd/es/locale/ja_JP'),
};

export function App({ nonce }: { nonce?: string }) {
  const { i18n } = useTranslation();
  const [choice, setChoice] = useState<AppearanceChoice>(storedAppearance);
  const systemDark = useMedia('(prefers-color-scheme: dark)');
  const appearance = choice === 'system' ? (systemDark ? 'dark' : 'light') : choice;
  const [locale, setLocale] = useState<Locale>();

  useEffect(() => {
    document.documentElement.dataset.appearance = appearance;
    document.documentElement.style.colorScheme = appearance;
  }, [appearance]);
  useEffect(() => {
    void antLocale[i18n.language]?.().then((module) => setLocale(module.default));
  }, [i18n.language]);

  const appearances = useMemo(
    () => ({
      choice,
      appearance,
      show: (fresh: AppearanceChoice) => {
        storeAppearance(fresh);
        setChoice(fresh);
      },
    }),
    [choice, appearance],
  );
  return (
    <Appearances value={appearances}>
      <ConfigProvider
        theme={themeFor(appearance)}
        locale={locale}
        csp={{ nonce }}
        button={{ autoInsertSpace: false }}
      >
        <AntApp className="app">
          <QueryClientProvider client={queryClient}>
            <Choosing>
              <SessionGate
                waiting={<Loading />}
                failed={(error, retry) => (
                  <main className="centered">
                    <Failure error={error} retry={retry} />
                  </main>
                )}
                logIn={LogIn}
                firstPassword={FirstPassword}
              >
                <KeepChoices />
                <RouterProvider router={router} />
              </SessionGate>
            </Choosing>
          </QueryClientProvider>
        </AntApp>
      </ConfigProvider>
    </Appearances>
  );
}
