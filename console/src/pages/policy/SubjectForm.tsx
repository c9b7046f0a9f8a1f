import { Input, Select } from 'antd';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { PROVIDERS } from './clouds';

/** Who a policy is asked about, as people type it. */
export interface SubjectTexts {
  cluster: string;
  namespace: string;
  pod: string;
  container: string;
  image: string;
  labels: string;
  provider: string;
  account: string;
  process: string;
  parent: string;
  sha256: string;
}

export const NO_SUBJECT: SubjectTexts = {
  cluster: '',
  namespace: '',
  pod: '',
  container: '',
  image: '',
  labels: '',
  provider: '',
  account: '',
  process: '',
  parent: '',
  sha256: '',
};

const FIELDS = [
  'process',
  'parent',
  'sha256',
  'container',
  'image',
  'namespace',
  'pod',
  'labels',
  'cluster',
  'account',
] as const;

/** The container and the process that a policy is asked about. */
export function SubjectForm({
  subject,
  onChange,
}: {
  subject: SubjectTexts;
  onChange: (subject: SubjectTexts) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div className="grid-2">
      {FIELDS.map((field) => (
        <div key={field} className="field">
          <label htmlFor={`${id}-${field}`}>{t(`subject.${field}`)}</label>
          <Input
            id={`${id}-${field}`}
            value={subject[field]}
            onChange={(event) => onChange({ ...subject, [field]: event.target.value })}
          />
        </div>
      ))}
      <div className="field">
        <label htmlFor={`${id}-provider`}>{t('subject.provider')}</label>
        <Select
          id={`${id}-provider`}
          allowClear
          value={subject.provider || undefined}
          options={PROVIDERS.map((value) => ({ value: value, label: t(`provider.${value}`) }))}
          onChange={(provider: string | undefined) => onChange({ ...subject, provider: provider ?? '' })}
        />
      </div>
    </div>
  );
}

/** `a=b, c=d` as labels. */
export function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(',')
      .map((pair) => pair.trim())
      .filter(Boolean)
      .map((pair) => {
        const at = pair.indexOf('=');
        return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      }),
  );
}
