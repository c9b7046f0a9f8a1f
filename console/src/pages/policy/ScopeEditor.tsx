import { useQuery } from '@tanstack/react-query';
import { Button, Input, Select, TreeSelect } from 'antd';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { cloudsOf, keysOf, PROVIDERS } from './clouds';

type Scope = Schema<'ScopeBody'>;
type Condition = Schema<'ConditionBody'>;

export const SCOPE_FIELDS = [
  'container-name',
  'image-name',
  'namespace',
  'pod-label',
  'pod-name',
  'cluster-name',
] as const;
export const SCOPE_OPERATORS = ['equals', 'starts-with', 'ends-with', 'contains'] as const;
export type ScopeField = (typeof SCOPE_FIELDS)[number];
export type ScopeOperator = (typeof SCOPE_OPERATORS)[number];

/** Where a rule applies: in words, by cloud, and by conditions on containers. */
export function ScopeEditor({ scope, onChange }: { scope: Scope; onChange: (scope: Scope) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const conditions = scope.conditions ?? [];
  const replace = (index: number, part: Partial<Condition>) =>
    onChange({
      ...scope,
      conditions: conditions.map((one, place) => (place === index ? { ...one, ...part } : one)),
    });
  return (
    <fieldset className="stack">
      <legend>{t('scope.title')}</legend>
      <div className="field">
        <label htmlFor={`${id}-about`}>{t('scope.description')}</label>
        <Input
          id={`${id}-about`}
          value={scope.description ?? ''}
          onChange={(event) => onChange({ ...scope, description: event.target.value || undefined })}
        />
      </div>
      <CloudTree scope={scope} onChange={onChange} />
      <span className="field-label">{t('scope.conditions')}</span>
      {conditions.length === 0 && <span className="secondary">{t('scope.everywhere')}</span>}
      {conditions.map((condition, index) => (
        <ConditionRow
          key={index}
          condition={condition}
          onChange={(part) => replace(index, part)}
          onRemove={() =>
            onChange({ ...scope, conditions: conditions.filter((_, place) => place !== index) })
          }
        />
      ))}
      <div>
        <Button
          onClick={() =>
            onChange({
              ...scope,
              conditions: [...conditions, { field: 'namespace', operator: 'equals', values: [] }],
            })
          }
        >
          {t('scope.addCondition')}
        </Button>
      </div>
    </fieldset>
  );
}

function ConditionRow({
  condition,
  onChange,
  onRemove,
}: {
  condition: Condition;
  onChange: (part: Partial<Condition>) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="row">
      <Select
        aria-label={t('scope.field')}
        style={{ width: 150 }}
        value={condition.field}
        options={SCOPE_FIELDS.map((field) => ({ value: field, label: t(`scopeField.${field}`) }))}
        onChange={(field) =>
          onChange({ field, key: field === 'pod-label' ? (condition.key ?? '') : undefined })
        }
      />
      {condition.field === 'pod-label' && (
        <Input
          aria-label={t('scope.labelKey')}
          placeholder={t('scope.labelKey')}
          style={{ width: 120 }}
          value={condition.key ?? ''}
          onChange={(event) => onChange({ key: event.target.value })}
        />
      )}
      <Select
        aria-label={t('scope.operator')}
        style={{ width: 130 }}
        value={condition.operator}
        options={SCOPE_OPERATORS.map((operator) => ({
          value: operator,
          label: t(`scopeOperator.${operator}`),
        }))}
        onChange={(operator) => onChange({ operator })}
      />
      <Select
        mode="tags"
        open={false}
        suffix={null}
        aria-label={t('scope.values')}
        placeholder={t('scope.valuesHint')}
        style={{ flex: 1, minWidth: 180 }}
        tokenSeparators={[',', '\n']}
        value={condition.values}
        onChange={(values: string[]) =>
          onChange({ values: values.map((value) => value.trim()).filter(Boolean) })
        }
      />
      <Button onClick={onRemove}>{t('action.remove')}</Button>
    </div>
  );
}

function CloudTree({ scope, onChange }: { scope: Scope; onChange: (scope: Scope) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const known = useQuery({
    queryKey: ['cloud-accounts'],
    queryFn: () => take(api.GET('/api/v1/cloud-accounts')),
  });
  const clouds = scope.clouds ?? [];
  const tree = PROVIDERS.map((provider) => {
    const accounts = new Set([
      ...(known.data?.items.find((one) => one.provider === provider)?.accounts ?? []),
      ...(clouds.find((one) => one.provider === provider)?.accounts ?? []),
    ]);
    return {
      value: provider,
      title: t('scope.wholeProvider', { provider: t(`provider.${provider}`) }),
      children: [...accounts].sort().map((account) => ({ value: `${provider}/${account}`, title: account })),
    };
  });
  return (
    <div className="field">
      <label htmlFor={id}>{t('scope.clouds')}</label>
      <TreeSelect
        id={id}
        treeCheckable
        treeCheckStrictly
        treeDefaultExpandAll
        allowClear
        placeholder={t('scope.anyCloud')}
        treeData={tree}
        value={keysOf(clouds).map((value) => ({ value, label: value }))}
        onChange={(chosen: { value: string }[]) =>
          onChange({
            ...scope,
            clouds: cloudsOf(
              chosen.map((one) => one.value),
              clouds,
            ),
          })
        }
      />
      <span className="field-hint">{t('scope.cloudsHint')}</span>
    </div>
  );
}
