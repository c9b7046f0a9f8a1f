import { createBrowserRouter } from 'react-router';
import { Loading } from '../ui/states';
import { NoPage, PageFailure } from './PageFailure';
import { Shell } from './Shell';

/** Each page is a part of the program of its own, loaded when it is first opened. */
export const router = createBrowserRouter([
  {
    path: '/',
    element: <Shell />,
    hydrateFallbackElement: <Loading />,
    children: [
      {
        errorElement: <PageFailure />,
        children: [
          {
            index: true,
            lazy: async () => ({ Component: (await import('../pages/overview/Overview')).Overview }),
          },
          {
            path: 'alerts',
            lazy: async () => ({ Component: (await import('../pages/alerts/Alerts')).Alerts }),
          },
          {
            path: 'alerts/:id',
            lazy: async () => ({ Component: (await import('../pages/alerts/AlertPage')).AlertPage }),
          },
          {
            path: 'incidents',
            lazy: async () => ({ Component: (await import('../pages/incidents/Incidents')).Incidents }),
          },
          {
            path: 'incidents/:id',
            lazy: async () => ({ Component: (await import('../pages/incidents/IncidentPage')).IncidentPage }),
          },
          {
            path: 'whitelist-rules',
            lazy: async () => ({
              Component: (await import('../pages/whitelist/WhitelistRules')).WhitelistRules,
            }),
          },
          {
            path: 'protection',
            lazy: async () => ({ Component: (await import('../pages/protection/Protection')).Protection }),
          },
          {
            path: 'defence-rules',
            lazy: async () => ({ Component: (await import('../pages/defence/DefenceRules')).DefenceRules }),
          },
          {
            path: 'drift-policy',
            lazy: async () => ({ Component: (await import('../pages/drift/DriftPolicy')).DriftPolicy }),
          },
          {
            path: 'catalogue',
            lazy: async () => ({ Component: (await import('../pages/catalogue/Catalogue')).Catalogue }),
          },
          {
            path: 'own-rules',
            lazy: async () => ({ Component: (await import('../pages/catalogue/OwnRules')).OwnRules }),
          },
          {
            path: 'assets',
            lazy: async () => ({ Component: (await import('../pages/assets/Assets')).Assets }),
          },
          {
            path: 'integrations',
            lazy: async () => ({
              Component: (await import('../pages/integrations/Integrations')).Integrations,
            }),
          },
          {
            path: 'access',
            lazy: async () => ({ Component: (await import('../pages/access/Access')).Access }),
          },
          {
            path: 'audit-log',
            lazy: async () => ({ Component: (await import('../pages/audit-log/AuditLog')).AuditLog }),
          },
          {
            path: 'account',
            lazy: async () => ({ Component: (await import('../pages/account/Account')).Account }),
          },
          { path: '*', element: <NoPage /> },
        ],
      },
    ],
  },
]);
