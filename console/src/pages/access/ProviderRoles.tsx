import { Button, Input, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { ROLES } from './ScopeFields';

type Entry = Schema<'OidcRole'>;

/** Which value of the provider's claim gives which role, limited to what; the first that fits counts. */
export function ProviderRoles({ roles, onChange }: { roles: Entry[]; onChange: (roles: Entry[]) => void }) {
  const { t } = useTranslation();
  const replace = (index: number, part: Partial<Entry>) =>
    onChange(roles.map((entry, place) => (place === index ? { ...entry, ...part } : entry)));
  return (
    <fieldset className="stack">
      <legend>{t('oidc.roles')}</legend>
      <span className="field-hint">{t('oidc.rolesHint')}</span>
      {roles.map((entry, index) => (
        <div key={index} className="panel stack">
          <div className="row">
            <Input
              aria-label={t('oidc.value')}
              placeholder={t('oidc.value')}
              style={{ flex: 1 }}
              maxLength={256}
              value={entry.value}
              onChange={(event) => replace(index, { value: event.target.value })}
            />
            <Select
              aria-label={t('access.role')}
              style={{ width: 210 }}
              value={entry.role}
              options={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
              onChange={(role) => replace(index, { role })}
            />
            <Button
              aria-label={t('oidc.removeRole', { value: entry.value })}
              onClick={() => onChange(roles.filter((_, place) => place !== index))}
            >
              {t('action.remove')}
            </Button>
          </div>
          <div className="grid-2">
            {(['clusters', 'namespaces'] as const).map((limit) => (
              <Select
                key={limit}
                aria-label={t(`access.${limit}`)}
                mode="tags"
                open={false}
                suffix={null}
                tokenSeparators={[',', ' ']}
                placeholder={`${t(`access.${limit}`)}: ${t('access.all')}`}
                value={entry.scope?.[limit] ?? []}
                onChange={(values: string[]) =>
                  replace(index, { scope: { ...entry.scope, [limit]: values } })
                }
              />
            ))}
          </div>
        </div>
      ))}
      <div>
        <Button onClick={() => onChange([...roles, { value: '', role: 'security-reader', scope: {} }])}>
          {t('oidc.addRole')}
        </Button>
      </div>
    </fieldset>
  );
}
