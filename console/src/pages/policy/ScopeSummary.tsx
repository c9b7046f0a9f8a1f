import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';
import type { ScopeField, ScopeOperator } from './ScopeEditor';

/** A scope in a line: its description, or what it says. */
export function ScopeSummary({ scope }: { scope: Schema<'ScopeBody'> | undefined }) {
  const { t } = useTranslation();
  const clouds = (scope?.clouds ?? []).map((cloud) =>
    cloud.accounts
      ? `${t(`provider.${cloud.provider}`)}: ${cloud.accounts.join(', ')}`
      : t(`provider.${cloud.provider}`),
  );
  const conditions = (scope?.conditions ?? []).map(
    (condition) =>
      `${t(`scopeField.${condition.field as ScopeField}`)}${condition.key ? ` ${condition.key}` : ''} ${t(`scopeOperator.${condition.operator as ScopeOperator}`)} ${condition.values.join(' | ')}`,
  );
  const parts = [scope?.description ?? '', clouds.join(' | '), ...conditions].filter(Boolean);
  return (
    <span className="rule-scope">
      {parts.length === 0 ? (
        t('scope.everywhere')
      ) : (
        <Hostile wrap max={400}>
          {parts.join(' · ')}
        </Hostile>
      )}
    </span>
  );
}
