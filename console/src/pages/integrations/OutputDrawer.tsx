import { useMutation } from '@tanstack/react-query';
import { Button, Checkbox, Drawer, Input, Select } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Schema, Severity } from '../../api/types';
import { ProblemNotice } from '../../ui/states';
import { LONG_SETTINGS, OUTPUT_KINDS, SECRETS, SETTINGS } from './kinds';

type Output = Schema<'OutputBody'>;
type Kind = Schema<'OutputKind'>;

const SEVERITIES: Severity[] = ['urgent', 'suspicious', 'reminder'];

/** Makes or changes an output: where to, with which settings, for which alerts. */
export function OutputDrawer({
  output,
  onClose,
  onDone,
}: {
  output: Output | null;
  onClose: () => void;
  onDone: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState(output?.name ?? '');
  const [kind, setKind] = useState<Kind>(output?.kind ?? 'webhook');
  const [enabled, setEnabled] = useState(output?.enabled ?? true);
  const [settings, setSettings] = useState<Record<string, string>>(output?.settings ?? {});
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [severities, setSeverities] = useState<string[]>(
    output?.filter.severity?.split(',').filter(Boolean) ?? [],
  );
  const save = useMutation({
    mutationFn: () => {
      const kept = Object.fromEntries(
        SETTINGS[kind].flatMap((field) => (settings[field] ? [[field, settings[field]]] : [])),
      );
      const body: Schema<'OutputDraft'> = {
        name,
        kind,
        enabled,
        settings: kept,
        secrets,
        filter: { ...output?.filter, severity: severities.length > 0 ? severities.join(',') : undefined },
      };
      return output
        ? take(
            api.PUT('/api/v1/outputs/{id}', {
              params: { path: { id: output.id }, header: { 'If-Match': output.etag } },
              body,
            }),
          )
        : take(api.POST('/api/v1/outputs', { body }));
    },
    onSuccess: onDone,
  });
  return (
    <Drawer
      open
      size={560}
      onClose={onClose}
      mask={{ closable: false }}
      title={output ? t('outputs.edit') : t('outputs.add')}
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <ProblemNotice error={save.error} />
        <div className="field">
          <label htmlFor={`${id}-name`}>{t('drift.name')}</label>
          <Input
            id={`${id}-name`}
            maxLength={128}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <div className="field">
          <label htmlFor={`${id}-kind`}>{t('assets.kind')}</label>
          <Select
            id={`${id}-kind`}
            disabled={output !== null}
            value={kind}
            options={OUTPUT_KINDS.map((value) => ({ value, label: t(`outputKind.${value}`) }))}
            onChange={setKind}
          />
        </div>
        {SETTINGS[kind].map((field) => (
          <div key={field} className="field">
            <label htmlFor={`${id}-${field}`}>{t(`outputSetting.${field}`)}</label>
            {LONG_SETTINGS.has(field) ? (
              <Input.TextArea
                id={`${id}-${field}`}
                className="hostile-code"
                rows={5}
                spellCheck={false}
                value={settings[field] ?? ''}
                onChange={(event) => setSettings({ ...settings, [field]: event.target.value })}
              />
            ) : (
              <Input
                id={`${id}-${field}`}
                value={settings[field] ?? ''}
                onChange={(event) => setSettings({ ...settings, [field]: event.target.value })}
              />
            )}
          </div>
        ))}
        {SECRETS[kind].map((field) => (
          <div key={field} className="field">
            <label htmlFor={`${id}-secret-${field}`}>{t(`outputSecret.${field}`)}</label>
            <Input
              type="password"
              id={`${id}-secret-${field}`}
              autoComplete="off"
              placeholder={output?.secrets.includes(field) ? t('outputs.secretKept') : ''}
              value={secrets[field] ?? ''}
              onChange={(event) => {
                const { [field]: _before, ...others } = secrets;
                setSecrets(event.target.value ? { ...others, [field]: event.target.value } : others);
              }}
            />
          </div>
        ))}
        <fieldset>
          <legend>{t('outputs.which')}</legend>
          <Checkbox.Group
            aria-label={t('alerts.severity')}
            value={severities.length > 0 ? severities : SEVERITIES}
            options={SEVERITIES.map((value) => ({ value: value, label: t(`severity.${value}`) }))}
            onChange={(values) => setSeverities(values.length === SEVERITIES.length ? [] : values)}
          />
        </fieldset>
        <Checkbox checked={enabled} onChange={(event) => setEnabled(event.target.checked)}>
          {t('outputs.enabled')}
        </Checkbox>
        <div className="row">
          <Button type="primary" htmlType="submit" loading={save.isPending} disabled={!name}>
            {t('action.save')}
          </Button>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
        </div>
      </form>
    </Drawer>
  );
}
