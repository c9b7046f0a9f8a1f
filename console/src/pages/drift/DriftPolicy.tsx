import { Alert, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MAY } from '../../app/permissions';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { QueryView } from '../../ui/states';
import { driftApi } from '../policy/api';
import { Diagnostics } from '../policy/Diagnostics';
import { InForce } from '../policy/InForce';
import { SaveBar } from '../policy/SaveBar';
import { SaveDialog } from '../policy/SaveDialog';
import { useDraft, type Draft } from '../policy/useDraft';
import { Versions } from '../policy/Versions';
import { DriftTester } from './DriftTester';
import { RuleDrawer } from './RuleDrawer';
import { RuleList } from './RuleList';
import { freeName, newRule, type DriftPolicyBody, type DriftRule } from './rules';

type Open = 'save' | 'versions' | 'test' | null;

/** The ordered list of rules that says what happens when something runs that no image holds. */
export function DriftPolicy() {
  const { t } = useTranslation();
  const { query, draft } = useDraft(driftApi);
  return (
    <QueryView query={query}>
      {() => (draft ? <Editor draft={draft} /> : <p>{t('state.loading')}</p>)}
    </QueryView>
  );
}

function Editor({ draft }: { draft: Draft<DriftPolicyBody> }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Open>(null);
  /** Position of the rule that is edited; the number of rules for a new one. */
  const [editing, setEditing] = useState<{ place: number; rule: DriftRule } | null>(null);
  const { policy } = draft;
  const { rules } = policy;
  const names = rules.map((rule) => rule.name);
  const change = (fresh: DriftRule[]) => draft.edit({ ...policy, rules: fresh });

  return (
    <Page
      title={t('nav.drift')}
      about={t('drift.about')}
      permission={MAY.writePolicies}
      actions={
        <>
          <Button onClick={() => setOpen('test')}>{t('tester.open')}</Button>
          <Button onClick={() => setOpen('versions')}>{t('versions.title')}</Button>
          <MayButton
            permission={MAY.writePolicies}
            type="primary"
            onClick={() => setEditing({ place: rules.length, rule: newRule(names, t('drift.newName')) })}
          >
            {t('drift.add')}
          </MayButton>
        </>
      }
    >
      <InForce version={draft.current} />
      {!draft.changed && draft.current.diagnostics.length > 0 && (
        <div className="block-gap">
          <Diagnostics diagnostics={draft.current.diagnostics} />
        </div>
      )}
      {rules.length === 0 && (
        <Alert className="block-gap" type="info" showIcon title={t('drift.onlyDefault')} />
      )}
      <RuleList
        policy={policy}
        onReorder={change}
        onEdit={(place, rule) => setEditing({ place, rule })}
        onDuplicate={(place, rule) =>
          change([
            ...rules.slice(0, place + 1),
            { ...structuredClone(rule), name: freeName(rule.name, names) },
            ...rules.slice(place + 1),
          ])
        }
        onToggle={(place, enabled) =>
          change(rules.map((rule, index) => (index === place ? { ...rule, enabled } : rule)))
        }
        onRemove={(place) => change(rules.filter((_, index) => index !== place))}
        onDefaultAction={(action) => draft.edit({ ...policy, default_action: action })}
      />
      <SaveBar draft={draft} onSave={() => setOpen('save')} />
      {editing && (
        <RuleDrawer
          rule={editing.rule}
          taken={names.filter((_, index) => index !== editing.place)}
          onCancel={() => setEditing(null)}
          onDone={(rule) => {
            change([...rules.slice(0, editing.place), rule, ...rules.slice(editing.place + 1)]);
            setEditing(null);
          }}
        />
      )}
      {open === 'save' && <SaveDialog api={driftApi} draft={draft} onClose={() => setOpen(null)} />}
      {open === 'versions' && <Versions api={driftApi} draft={draft} onClose={() => setOpen(null)} />}
      {open === 'test' && (
        <DriftTester policy={draft.changed ? policy : null} onClose={() => setOpen(null)} />
      )}
    </Page>
  );
}
