import { Alert, Button, Checkbox, Drawer, Input, InputNumber, Radio, Segmented } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Blocking } from '../policy/Blocking';
import { RuleNotes } from '../policy/RuleNotes';
import { ScopeEditor } from '../policy/ScopeEditor';
import {
  COVER_MODES,
  DIMENSIONS,
  useBehaviourLabel,
  useBehaviours,
  type Cover,
  type CoverMode,
  type DefenceRule,
  type Dimension,
} from './behaviours';

type Allow = NonNullable<DefenceRule['allow']>[number];

/** Restarts and time of the fuse that a rule has without saying so. */
const FUSE = { enabled: true, restarts: 3, within: '10m' };

/** Edits one defence rule in a side panel; nothing is in force before the rules are saved. */
export function DefenceDrawer({
  rule: first,
  taken,
  onCancel,
  onDone,
}: {
  rule: DefenceRule;
  taken: string[];
  onCancel: () => void;
  onDone: (rule: DefenceRule) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [rule, setRule] = useState(first);
  const change = (part: Partial<DefenceRule>) => setRule({ ...rule, ...part });
  const doubled = taken.includes(rule.name);
  return (
    <Drawer
      open
      size={780}
      onClose={onCancel}
      mask={{ closable: false }}
      title={t('defence.rule')}
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
            maxLength={128}
            aria-invalid={doubled}
            status={doubled ? 'error' : undefined}
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
            <Radio value="alert">{t('defenceAction.alert')}</Radio>
            <Radio value="block">{t('defenceAction.block')}</Radio>
          </Radio.Group>
        </fieldset>
        {rule.action === 'block' && (
          <>
            <Blocking settings={rule} onChange={change} />
            <Fuse rule={rule} onChange={change} />
          </>
        )}
        <ScopeEditor scope={rule.scope ?? {}} onChange={(scope) => change({ scope })} />
        {DIMENSIONS.map((dimension) => (
          <CoverEditor
            key={dimension}
            dimension={dimension}
            cover={rule[dimension]}
            onChange={(cover) => change({ [dimension]: cover })}
          />
        ))}
        <AllowList allow={rule.allow ?? []} onChange={(allow) => change({ allow })} />
        <RuleNotes notes={rule} onChange={change} />
      </div>
    </Drawer>
  );
}

/** Without what was added and never filled in. */
function tidied(rule: DefenceRule): DefenceRule {
  const allow = (rule.allow ?? []).filter(
    (one) => one.process ?? one.parent ?? one.ancestor ?? one.file ?? one.image,
  );
  return { ...rule, name: rule.name.trim(), allow };
}

function Fuse({ rule, onChange }: { rule: DefenceRule; onChange: (part: Partial<DefenceRule>) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const fuse = rule.fuse ?? FUSE;
  return (
    <fieldset className="stack">
      <legend>{t('defence.fuse')}</legend>
      <Checkbox
        checked={fuse.enabled}
        onChange={(event) => onChange({ fuse: { ...fuse, enabled: event.target.checked } })}
      >
        {t('defence.fuseOn')}
      </Checkbox>
      <div className="row">
        <label htmlFor={`${id}-restarts`}>{t('defence.fuseRestarts')}</label>
        <InputNumber
          id={`${id}-restarts`}
          min={1}
          max={100}
          disabled={!fuse.enabled}
          value={fuse.restarts}
          onChange={(value) => onChange({ fuse: { ...fuse, restarts: value ?? FUSE.restarts } })}
        />
        <label htmlFor={`${id}-within`}>{t('defence.fuseWithin')}</label>
        <Input
          id={`${id}-within`}
          style={{ width: 90 }}
          disabled={!fuse.enabled}
          value={fuse.within}
          onChange={(event) => onChange({ fuse: { ...fuse, within: event.target.value } })}
        />
      </div>
    </fieldset>
  );
}

function CoverEditor({
  dimension,
  cover,
  onChange,
}: {
  dimension: Dimension;
  cover: Cover;
  onChange: (cover: Cover) => void;
}) {
  const { t } = useTranslation();
  const behaviours = useBehaviours().filter((one) => one.dimension === dimension);
  const labelOf = useBehaviourLabel();
  const listed = cover.mode === 'only' || cover.mode === 'except';
  return (
    <fieldset className="stack">
      <legend>{t(`dimension.${dimension}`)}</legend>
      <Segmented
        aria-label={t(`dimension.${dimension}`)}
        value={cover.mode as CoverMode}
        options={COVER_MODES.map((mode) => ({ value: mode, label: t(`coverMode.${mode}`) }))}
        onChange={(mode) =>
          onChange({ mode, behaviours: mode === 'only' || mode === 'except' ? (cover.behaviours ?? []) : [] })
        }
      />
      {listed && (
        <Checkbox.Group
          aria-label={t('defence.behaviours')}
          value={cover.behaviours ?? []}
          onChange={(chosen) => onChange({ ...cover, behaviours: chosen })}
        >
          <div className="grid-2">
            {behaviours.map((behaviour) => (
              <Checkbox key={behaviour.name} value={behaviour.name}>
                {labelOf(behaviour)}
              </Checkbox>
            ))}
          </div>
        </Checkbox.Group>
      )}
    </fieldset>
  );
}

const ALLOW_FIELDS = ['process', 'parent', 'ancestor', 'file', 'image'] as const;

function AllowList({ allow, onChange }: { allow: Allow[]; onChange: (allow: Allow[]) => void }) {
  const { t } = useTranslation();
  const replace = (index: number, part: Partial<Allow>) =>
    onChange(allow.map((entry, place) => (place === index ? { ...entry, ...part } : entry)));
  return (
    <fieldset className="stack">
      <legend>{t('drift.allowList')}</legend>
      <span className="field-hint">{t('defence.allowHint')}</span>
      {allow.map((entry, index) => (
        <div key={index} className="panel stack">
          <div className="grid-4">
            {ALLOW_FIELDS.map((field) => (
              <Input
                key={field}
                aria-label={t(`defenceAllow.${field}`)}
                placeholder={t(`defenceAllow.${field}`)}
                value={entry[field] ?? ''}
                onChange={(event) => replace(index, { [field]: event.target.value || undefined })}
              />
            ))}
          </div>
          <div className="row">
            <Input
              aria-label={t('drift.reason')}
              placeholder={t('drift.reason')}
              style={{ flex: 1 }}
              value={entry.reason ?? ''}
              onChange={(event) => replace(index, { reason: event.target.value || undefined })}
            />
            <Button onClick={() => onChange(allow.filter((_, place) => place !== index))}>
              {t('action.remove')}
            </Button>
          </div>
        </div>
      ))}
      <div>
        <Button onClick={() => onChange([...allow, {}])}>{t('defence.addAllow')}</Button>
      </div>
    </fieldset>
  );
}
