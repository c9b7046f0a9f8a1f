import { Alert, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MAY } from '../../app/permissions';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { Empty, QueryView } from '../../ui/states';
import { defenceApi } from '../policy/api';
import { Diagnostics } from '../policy/Diagnostics';
import { InForce } from '../policy/InForce';
import { SaveBar } from '../policy/SaveBar';
import { SaveDialog } from '../policy/SaveDialog';
import { useDraft, type Draft } from '../policy/useDraft';
import { Versions } from '../policy/Versions';
import { freeName } from '../drift/rules';
import {
  newDefenceRule,
  newImageRule,
  type DefencePolicyBody,
  type DefenceRule,
  type ImageRule,
} from './behaviours';
import { DefenceDrawer } from './DefenceDrawer';
import { DefenceTester } from './DefenceTester';
import { ImageRuleDrawer } from './ImageRuleDrawer';
import { RuleCard } from './RuleCard';

type Open = 'save' | 'versions' | 'test' | null;
interface Editing<Rule> {
  place: number;
  rule: Rule;
}

/** What containers are kept from, and which images may start. */
export function DefenceRules() {
  const { query, draft } = useDraft(defenceApi);
  return <QueryView query={query}>{() => draft && <Editor draft={draft} />}</QueryView>;
}

function Editor({ draft }: { draft: Draft<DefencePolicyBody> }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Open>(null);
  const [editing, setEditing] = useState<Editing<DefenceRule> | null>(null);
  const [editingImage, setEditingImage] = useState<Editing<ImageRule> | null>(null);
  const { policy } = draft;
  const { rules } = policy;
  const imageRules = policy.image_rules ?? [];
  const names = rules.map((rule) => rule.name);
  const imageNames = imageRules.map((rule) => rule.name);
  const change = (fresh: DefenceRule[]) => draft.edit({ ...policy, rules: fresh });
  const changeImages = (fresh: ImageRule[]) => draft.edit({ ...policy, image_rules: fresh });

  return (
    <Page
      title={t('nav.defence')}
      about={t('defence.about')}
      permission={MAY.writePolicies}
      actions={
        <>
          <Button onClick={() => setOpen('test')}>{t('tester.open')}</Button>
          <Button onClick={() => setOpen('versions')}>{t('versions.title')}</Button>
          <MayButton
            permission={MAY.writePolicies}
            type="primary"
            onClick={() =>
              setEditing({ place: rules.length, rule: newDefenceRule(freeName(t('defence.newName'), names)) })
            }
          >
            {t('defence.add')}
          </MayButton>
        </>
      }
    >
      <InForce version={draft.current} />
      {!draft.changed && <Diagnostics diagnostics={draft.current.diagnostics} />}
      <h2 className="panel-title">{t('defence.rules')}</h2>
      {rules.length === 0 ? (
        <Empty title={t('defence.none')}>
          <p>{t('defence.noneWhy')}</p>
        </Empty>
      ) : (
        <ul className="rules block-gap" aria-label={t('defence.rules')}>
          {rules.map((rule, place) => (
            <RuleCard
              key={rule.name}
              rule={rule}
              onEdit={() => setEditing({ place, rule })}
              onToggle={(enabled) => change(replaced(rules, place, { ...rule, enabled }))}
              onDuplicate={() =>
                change([...rules, { ...structuredClone(rule), name: freeName(rule.name, names) }])
              }
              onRemove={() => change(rules.filter((_, index) => index !== place))}
            />
          ))}
        </ul>
      )}
      <div className="row-between">
        <h2 className="panel-title">{t('defence.imageRules')}</h2>
        <MayButton
          permission={MAY.writePolicies}
          onClick={() =>
            setEditingImage({
              place: imageRules.length,
              rule: newImageRule(freeName(t('defence.newImageName'), imageNames)),
            })
          }
        >
          {t('defence.addImage')}
        </MayButton>
      </div>
      {imageRules.length === 0 ? (
        <p className="secondary">{t('defence.noImageRules')}</p>
      ) : (
        <ul className="rules" aria-label={t('defence.imageRules')}>
          {imageRules.map((rule, place) => (
            <RuleCard
              key={rule.name}
              rule={rule}
              onEdit={() => setEditingImage({ place, rule })}
              onToggle={(enabled) => changeImages(replaced(imageRules, place, { ...rule, enabled }))}
              onDuplicate={() =>
                changeImages([
                  ...imageRules,
                  { ...structuredClone(rule), name: freeName(rule.name, imageNames) },
                ])
              }
              onRemove={() => changeImages(imageRules.filter((_, index) => index !== place))}
            />
          ))}
        </ul>
      )}
      <Alert className="block-gap" type="info" showIcon title={t('defence.driftHint')} />
      <SaveBar draft={draft} onSave={() => setOpen('save')} />
      {editing && (
        <DefenceDrawer
          rule={editing.rule}
          taken={names.filter((_, index) => index !== editing.place)}
          onCancel={() => setEditing(null)}
          onDone={(rule) => {
            change(replaced(rules, editing.place, rule));
            setEditing(null);
          }}
        />
      )}
      {editingImage && (
        <ImageRuleDrawer
          rule={editingImage.rule}
          taken={imageNames.filter((_, index) => index !== editingImage.place)}
          onCancel={() => setEditingImage(null)}
          onDone={(rule) => {
            changeImages(replaced(imageRules, editingImage.place, rule));
            setEditingImage(null);
          }}
        />
      )}
      {open === 'save' && <SaveDialog api={defenceApi} draft={draft} onClose={() => setOpen(null)} />}
      {open === 'versions' && <Versions api={defenceApi} draft={draft} onClose={() => setOpen(null)} />}
      {open === 'test' && (
        <DefenceTester policy={draft.changed ? policy : null} onClose={() => setOpen(null)} />
      )}
    </Page>
  );
}

/** A list with one entry replaced, or added if the place is its end. */
function replaced<Entry>(list: Entry[], place: number, entry: Entry): Entry[] {
  return [...list.slice(0, place), entry, ...list.slice(place + 1)];
}
