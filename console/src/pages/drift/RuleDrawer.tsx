import { Alert, Button, Checkbox, Drawer, Input, Radio } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Blocking } from '../policy/Blocking';
import { RuleNotes } from '../policy/RuleNotes';
import { ScopeEditor } from '../policy/ScopeEditor';
import { DRIFT_ACTIONS, KINDS, PROVENANCES, type DriftAction, type DriftRule } from './rules';

type Allow = NonNullable<DriftRule['allow']>[number];

/** Longest name, in characters. */
const NAME_LENGTH_MAX = 128;

/** Edits one rule in a side panel; nothing is in force before the policy is saved. */
export function RuleDrawer({
  rule: first,
  taken,
  onCancel,
  onDone,
}: {
  rule: DriftRule;
  taken: string[];
  onCancel: () => void;
  onDone: (rule: DriftRule) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [rule, setRule] = useState(first);
  const change = (part: Partial<DriftRule>) => setRule({ ...rule, ...part });
  const doubled = taken.includes(rule.name);
  return (
    <Drawer
      open
      size={760}
      onClose={onCancel}
      // A click beside the panel must not lose what was typed.
      mask={{ closable: false }}
      title={t('drift.rule')}
      footer={
        <div className="row">
          <Button type="primary" disabled={!rule.name.trim() || doubled} onClick={() => onDone(tidied(rule))}>
            {t('drift.apply')}
          </Button>
          <Button onClick={onCancel}>{t('action.cancel')}</Button>
          <span className="secondary">{t('drift.applyHint')}</span>
        </div>
      }
    >
      <div className="stack">
        <div className="field">
          <label htmlFor={`${id}-name`}>{t('drift.name')}</label>
          <Input
            id={`${id}-name`}
            maxLength={NAME_LENGTH_MAX}
            status={doubled ? 'error' : undefined}
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
            onChange={(event) => change({ action: event.target.value as DriftAction })}
          >
            {DRIFT_ACTIONS.map((action) => (
              <Radio key={action} value={action}>
                {t(`policyAction.${action}`)}
              </Radio>
            ))}
          </Radio.Group>
          <p className="field-hint">{t(`policyActionAbout.${rule.action as DriftAction}`)}</p>
        </fieldset>
        {rule.action === 'block' && <Blocking settings={rule} onChange={change} />}
        <ScopeEditor scope={rule.scope ?? {}} onChange={(scope) => change({ scope })} />
        <fieldset className="stack">
          <legend>{t('drift.counts')}</legend>
          <Checkbox.Group
            aria-label={t('drift.kinds')}
            value={rule.kinds ?? ['binaries']}
            options={KINDS.map((value) => ({ value: value, label: t(`driftKind.${value}`) }))}
            onChange={(kinds) => change({ kinds })}
          />
          <span className="field-label">{t('drift.provenances')}</span>
          <Checkbox.Group
            aria-label={t('drift.provenances')}
            value={rule.provenances ?? [...PROVENANCES]}
            options={PROVENANCES.map((value) => ({
              value: value,
              label: t(`provenance.${value}`),
            }))}
            onChange={(provenances) =>
              change({ provenances: provenances.length === PROVENANCES.length ? undefined : provenances })
            }
          />
        </fieldset>
        <AllowList allow={rule.allow ?? []} onChange={(allow) => change({ allow })} />
        <RuleNotes notes={rule} onChange={change} />
      </div>
    </Drawer>
  );
}

/** Without what was added and never filled in. */
function tidied(rule: DriftRule): DriftRule {
  const allow = (rule.allow ?? []).filter((entry) => entry.process.trim());
  return { ...rule, name: rule.name.trim(), allow: allow.length > 0 ? allow : undefined };
}

function AllowList({ allow, onChange }: { allow: Allow[]; onChange: (allow: Allow[]) => void }) {
  const { t } = useTranslation();
  const replace = (index: number, part: Partial<Allow>) =>
    onChange(allow.map((entry, place) => (place === index ? { ...entry, ...part } : entry)));
  return (
    <fieldset className="stack">
      <legend>{t('drift.allowList')}</legend>
      <span className="field-hint">{t('drift.allowHint')}</span>
      {allow.map((entry, index) => (
        <div key={index} className="row">
          <Input
            aria-label={t('drift.allowProcess')}
            placeholder={t('drift.allowProcess')}
            style={{ flex: 2, minWidth: 180 }}
            value={entry.process}
            onChange={(event) => replace(index, { process: event.target.value })}
          />
          <Input
            aria-label={t('drift.allowParent')}
            placeholder={t('drift.allowParent')}
            style={{ flex: 1, minWidth: 120 }}
            value={entry.parent ?? ''}
            onChange={(event) => replace(index, { parent: event.target.value || undefined })}
          />
          <Input
            aria-label={t('drift.allowAncestor')}
            placeholder={t('drift.allowAncestor')}
            style={{ flex: 1, minWidth: 120 }}
            value={entry.ancestor ?? ''}
            onChange={(event) => replace(index, { ancestor: event.target.value || undefined })}
          />
          <Button onClick={() => onChange(allow.filter((_, place) => place !== index))}>
            {t('action.remove')}
          </Button>
        </div>
      ))}
      <div>
        <Button onClick={() => onChange([...allow, { process: '' }])}>{t('drift.addAllow')}</Button>
      </div>
    </fieldset>
  );
}
