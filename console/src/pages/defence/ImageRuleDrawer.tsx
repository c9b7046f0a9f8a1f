import { Alert, Button, Drawer, Input, Radio, Select } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { RuleNotes } from '../policy/RuleNotes';
import { ScopeEditor } from '../policy/ScopeEditor';
import type { ImageRule } from './behaviours';

const IMAGE_ACTIONS = ['alert', 'block', 'allow'] as const;

/** Edits one rule on images at risk. */
export function ImageRuleDrawer({
  rule: first,
  taken,
  onCancel,
  onDone,
}: {
  rule: ImageRule;
  taken: string[];
  onCancel: () => void;
  onDone: (rule: ImageRule) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [rule, setRule] = useState(first);
  const change = (part: Partial<ImageRule>) => setRule({ ...rule, ...part });
  const doubled = taken.includes(rule.name);
  const list = (key: 'images' | 'digests') => (
    <div className="field">
      <label htmlFor={`${id}-${key}`}>{t(`defence.${key}`)}</label>
      <Select
        id={`${id}-${key}`}
        mode="tags"
        open={false}
        suffix={null}
        tokenSeparators={[',', '\n', ' ']}
        placeholder={t('scope.valuesHint')}
        value={rule[key] ?? []}
        onChange={(values: string[]) => change({ [key]: values })}
      />
    </div>
  );
  return (
    <Drawer
      open
      size={720}
      onClose={onCancel}
      mask={{ closable: false }}
      title={t('defence.imageRule')}
      footer={
        <div className="row">
          <Button
            type="primary"
            disabled={!rule.name.trim() || doubled}
            onClick={() => onDone({ ...rule, name: rule.name.trim() })}
          >
            {t('drift.apply')}
          </Button>
          <Button onClick={onCancel}>{t('action.cancel')}</Button>
        </div>
      }
    >
      <div className="stack">
        <div className="field">
          <label htmlFor={`${id}-name`}>{t('drift.name')}</label>
          <Input
            id={`${id}-name`}
            maxLength={128}
            aria-invalid={doubled}
            value={rule.name}
            onChange={(event) => change({ name: event.target.value })}
          />
          {doubled && <Alert type="error" title={t('drift.nameTaken')} />}
        </div>
        <fieldset>
          <legend>{t('drift.action')}</legend>
          <Radio.Group
            value={rule.action}
            onChange={(event) => change({ action: event.target.value as string })}
          >
            {IMAGE_ACTIONS.map((action) => (
              <Radio key={action} value={action}>
                {t(`defenceAction.${action}`)}
              </Radio>
            ))}
          </Radio.Group>
        </fieldset>
        {list('images')}
        {list('digests')}
        <div className="field">
          <label htmlFor={`${id}-age`}>{t('defence.scanAge')}</label>
          <Input
            id={`${id}-age`}
            placeholder="30d"
            value={rule.scan_older_than ?? ''}
            onChange={(event) => change({ scan_older_than: event.target.value || undefined })}
          />
        </div>
        <ScopeEditor scope={rule.scope ?? {}} onChange={(scope) => change({ scope })} />
        <RuleNotes notes={rule} onChange={change} />
      </div>
    </Drawer>
  );
}
