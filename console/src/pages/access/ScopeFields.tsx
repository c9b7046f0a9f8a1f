import { Select } from 'antd';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import type { Role, Schema } from '../../api/types';

export const ROLES: Role[] = ['security-admin', 'security-operator', 'security-reader'];

/** A role, and the clusters and namespaces that it is limited to. */
export function ScopeFields({
  role,
  scope,
  onChange,
}: {
  role: Role;
  scope: Schema<'AccessScope'>;
  onChange: (role: Role, scope: Schema<'AccessScope'>) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const list = (key: 'clusters' | 'namespaces') => (
    <div className="field">
      <label htmlFor={`${id}-${key}`}>{t(`access.${key}`)}</label>
      <Select
        id={`${id}-${key}`}
        mode="tags"
        open={false}
        suffix={null}
        tokenSeparators={[',', ' ']}
        placeholder={t('access.all')}
        value={scope[key] ?? []}
        onChange={(values: string[]) => onChange(role, { ...scope, [key]: values })}
      />
    </div>
  );
  return (
    <>
      <div className="field">
        <label htmlFor={`${id}-role`}>{t('access.role')}</label>
        <Select
          id={`${id}-role`}
          value={role}
          options={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
          onChange={(value) => onChange(value, scope)}
        />
        <span className="field-hint">{t(`roleAbout.${role}`)}</span>
      </div>
      {list('clusters')}
      {list('namespaces')}
    </>
  );
}
