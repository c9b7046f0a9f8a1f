import { Button, Input, Select, Tag } from 'antd';
import type { TFunction } from 'i18next';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';
import { changed, FILTER_FIELDS, several, type FilterField } from './filter';
import { Views } from './ViewMenu';

const SEVERITIES = ['urgent', 'suspicious', 'reminder'] as const;
const STATUSES = [
  'unhandled',
  'handling',
  'handled',
  'ignored',
  'whitelisted',
  'false-positive',
  'auto-blocked',
  'expired',
] as const;
const CATEGORIES = ['k8s', 'network', 'malware', 'webshell', 'process', 'escape', 'drift', 'custom'] as const;

/** Fields with a word of their own, which stand as tags once they are set. */
const TAG_FIELDS: FilterField[] = [
  'key',
  'rule',
  'cluster',
  'namespace',
  'node',
  'pod',
  'container',
  'image',
  'incident',
];

/** Alerts that the center counts by group. */
const GROUPED_MAX = 500;

/** Spans of time that are offered, in hours. */
const SPAN_HOURS = [1, 24, 168, 720] as const;

/** What the list is narrowed by. Everything is kept in the URL, so that a list can be sent to somebody. */
export function AlertFilters({
  parameters,
  counts,
  onChange,
}: {
  parameters: URLSearchParams;
  counts: Schema<'AlertCounts'> | undefined;
  onChange: (parameters: URLSearchParams) => void;
}) {
  const { t } = useTranslation();
  const set = (field: FilterField, value: string) => onChange(changed(parameters, field, value));
  const counted = (group: Schema<'NamedCount'>[] | undefined, name: string) => {
    // Beyond that only a part is counted, which would say less than nothing.
    if (!counts || counts.total > GROUPED_MAX) return '';
    const count = group?.find((one) => one.name === name)?.count;
    return count === undefined ? '' : ` (${count.toLocaleString()})`;
  };
  const many = (
    field: FilterField,
    label: string,
    options: { value: string; label: string }[],
    width: number,
  ) => (
    <Select
      mode="multiple"
      allowClear
      maxTagCount="responsive"
      aria-label={label}
      placeholder={label}
      style={{ minWidth: width }}
      value={several(parameters.get(field)).filter((value) => value !== 'all')}
      options={options}
      onChange={(values) => set(field, values.join(','))}
    />
  );
  return (
    <search className="filters" aria-label={t('alerts.filters')}>
      <SearchBox
        key={parameters.get('q') ?? ''}
        value={parameters.get('q') ?? ''}
        onSearch={(q) => set('q', q)}
      />
      {many(
        'severity',
        t('alerts.severity'),
        SEVERITIES.map((value) => ({
          value,
          label: t(`severity.${value}`) + counted(counts?.by_severity, value),
        })),
        150,
      )}
      {many(
        'category',
        t('alerts.category'),
        CATEGORIES.map((value) => ({
          value,
          label: t(`category.${value}`) + counted(counts?.by_category, value),
        })),
        170,
      )}
      <Select
        mode="multiple"
        maxTagCount="responsive"
        aria-label={t('alerts.status')}
        placeholder={parameters.get('status') === 'all' ? t('alerts.anyStatus') : t('alerts.openOnly')}
        style={{ minWidth: 190 }}
        value={several(parameters.get('status')).filter((value) => value !== 'all')}
        options={STATUSES.map((value) => ({
          value,
          label: t(`status.${value}`) + counted(counts?.by_status, value),
        }))}
        onChange={(values) => set('status', values.join(','))}
      />
      <Select
        allowClear
        aria-label={t('alerts.span')}
        placeholder={t('alerts.span')}
        style={{ minWidth: 150 }}
        value={parameters.get('from') ? 'set' : undefined}
        options={[
          ...SPAN_HOURS.map((hours) => ({
            value: String(hours),
            label: spanLabel(t, hours),
          })),
          ...(parameters.get('from') ? [{ value: 'set', label: parameters.get('from') ?? '' }] : []),
        ]}
        onChange={(hours: string | undefined) =>
          set('from', hours ? new Date(Date.now() - Number(hours) * 3_600_000).toISOString() : '')
        }
      />
      <Views parameters={parameters} onChange={onChange} />
      {TAG_FIELDS.map((field) => {
        const value = parameters.get(field);
        return (
          value && (
            <Tag key={field} closable onClose={() => set(field, '')}>
              {t(`filterField.${field as 'key'}`)}: <Hostile max={80}>{value}</Hostile>
            </Tag>
          )
        );
      })}
      {FILTER_FIELDS.some((field) => parameters.has(field)) && (
        <Button type="link" onClick={() => onChange(new URLSearchParams())}>
          {t('alerts.clear')}
        </Button>
      )}
    </search>
  );
}

/** A span in the unit that people use for it. */
export function spanLabel(t: TFunction, hours: number): string {
  return hours > 24 ? t('alerts.lastDays', { count: hours / 24 }) : t('alerts.lastHours', { count: hours });
}

/** Longest search, in characters: the center takes no longer one. */
const SEARCH_LENGTH_MAX = 256;

function SearchBox({ value, onSearch }: { value: string; onSearch: (value: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  return (
    <Input.Search
      id="alert-search"
      aria-label={t('alerts.search')}
      placeholder={t('alerts.search')}
      maxLength={SEARCH_LENGTH_MAX}
      allowClear
      style={{ width: 280 }}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onSearch={onSearch}
    />
  );
}
