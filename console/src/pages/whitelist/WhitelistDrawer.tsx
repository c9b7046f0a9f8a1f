import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Checkbox, Drawer, Input, Radio, Select } from 'antd';
import { useDeferredValue, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { isStale } from '../../api/problem';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { DayField } from '../../ui/DayField';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Failure, Loading, ProblemNotice } from '../../ui/states';
import { Time } from '../../ui/Time';
import { titleOf } from '../alerts/title';
import { useAlert } from '../alerts/queries';

type Draft = Schema<'WhitelistDraft'>;
type Condition = Schema<'WhitelistCondition'>;

export const WHITELIST_FIELDS: Schema<'WhitelistField'>[] = [
  'container-name',
  'image-name',
  'namespace',
  'pod-name',
  'cluster-name',
  'node-name',
  'process-path',
  'command-line',
  'parent-path',
  'user-name',
  'file-path',
  'file-sha256',
  'remote-address',
  'k8s-user',
];
const OPERATORS: Schema<'WhitelistOperator'>[] = [
  'equals',
  'not-equals',
  'contains',
  'not-contains',
  'regex',
];
/** Conditions of one rule: the center takes no more. */
const CONDITIONS_MAX = 20;

/** Makes a whitelist rule of an alert, beginning with the narrowest one. */
export function WhitelistDrawer({ alert, onClose }: { alert: string; onClose: () => void }) {
  const { t } = useTranslation();
  const proposal = useQuery({
    queryKey: ['alert', alert, 'whitelist-proposal'],
    staleTime: Infinity,
    queryFn: () =>
      take(api.GET('/api/v1/alerts/{id}/whitelist-proposal', { params: { path: { id: alert } } })),
  });
  const detail = useAlert(alert);
  if (!proposal.data || !detail.data) {
    const error = proposal.error ?? detail.error;
    return (
      <Drawer open onClose={onClose} size={720} title={t('whitelist.build')}>
        {error ? <Failure error={error} retry={() => void proposal.refetch()} /> : <Loading />}
      </Drawer>
    );
  }
  return (
    <WhitelistEditor
      draft={proposal.data.draft}
      candidates={proposal.data.candidates}
      node={detail.data.summary.node}
      onClose={onClose}
    />
  );
}

/** Edits a whitelist rule, and shows all the time which past alerts it would have silenced. */
export function WhitelistEditor({
  draft: first,
  candidates = [],
  node,
  existing,
  onClose,
}: {
  draft: Draft;
  candidates?: Condition[];
  /** The node that "this asset" means. */
  node?: string;
  existing?: Schema<'WhitelistRuleBody'>;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [draft, setDraft] = useState<Draft>(first);
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const complete =
    draft.conditions.length > 0 && draft.conditions.every((condition) => condition.value !== '');
  const save = useMutation({
    mutationFn: () =>
      existing
        ? take(
            api.PUT('/api/v1/whitelist-rules/{id}', {
              params: { path: { id: existing.id }, header: { 'If-Match': existing.etag } },
              body: draft,
            }),
          )
        : take(api.POST('/api/v1/whitelist-rules', { body: draft })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['whitelist'] });
      void client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith('alert') });
      message.success(t('whitelist.saved'));
      onClose();
    },
  });
  return (
    <Drawer
      open
      size={720}
      onClose={onClose}
      title={t('whitelist.build')}
      footer={
        <div className="row">
          <MayButton
            permission={MAY.writeWhitelist}
            type="primary"
            loading={save.isPending}
            disabled={!complete}
            onClick={() => save.mutate()}
          >
            {t('whitelist.save')}
          </MayButton>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
        </div>
      }
    >
      <div className="stack">
        <ProblemNotice error={save.error} />
        {isStale(save.error) && <p>{t('whitelist.stale')}</p>}
        <p>
          {t('whitelist.forRule')}{' '}
          <strong>
            <Hostile>{draft.rule}</Hostile>
          </strong>
        </p>
        <Conditions
          conditions={draft.conditions}
          candidates={candidates}
          onChange={(conditions) => change({ conditions })}
        />
        <fieldset>
          <legend>{t('whitelist.assets')}</legend>
          <Radio.Group
            value={(draft.nodes ?? []).length > 0 ? 'this' : 'all'}
            onChange={(event) =>
              change({
                nodes:
                  event.target.value === 'this'
                    ? existing?.nodes.length
                      ? existing.nodes
                      : node
                        ? [node]
                        : []
                    : [],
              })
            }
          >
            <Radio value="this" disabled={!node && !existing?.nodes.length}>
              {t('whitelist.thisAsset', { node: node ?? existing?.nodes.join(', ') ?? '' })}
            </Radio>
            <Radio value="all">{t('whitelist.allAssets')}</Radio>
          </Radio.Group>
        </fieldset>
        <div className="grid-2">
          <div className="field">
            <label htmlFor={`${id}-owner`}>{t('whitelist.owner')}</label>
            <Input
              id={`${id}-owner`}
              maxLength={128}
              value={draft.owner ?? ''}
              onChange={(event) => change({ owner: event.target.value })}
            />
          </div>
          <DayField
            label={t('whitelist.expires')}
            value={draft.expires_at ?? ''}
            onChange={(value) => change({ expires_at: value || null })}
          />
        </div>
        <div className="field">
          <label htmlFor={`${id}-reason`}>{t('whitelist.reason')}</label>
          <Input.TextArea
            id={`${id}-reason`}
            rows={2}
            maxLength={2000}
            value={draft.reason ?? ''}
            onChange={(event) => change({ reason: event.target.value })}
          />
        </div>
        <Checkbox
          checked={draft.apply_to_open ?? false}
          onChange={(event) => change({ apply_to_open: event.target.checked })}
        >
          {t('whitelist.applyToOpen')}
        </Checkbox>
        <h3>{t('whitelist.effect')}</h3>
        {complete ? <Effect draft={draft} /> : <p className="secondary">{t('whitelist.incomplete')}</p>}
      </div>
    </Drawer>
  );
}

function Conditions({
  conditions,
  candidates,
  onChange,
}: {
  conditions: Condition[];
  candidates: Condition[];
  onChange: (conditions: Condition[]) => void;
}) {
  const { t } = useTranslation();
  const replace = (index: number, part: Partial<Condition>) =>
    onChange(conditions.map((one, position) => (position === index ? { ...one, ...part } : one)));
  const unused = candidates.filter((one) => !conditions.some((condition) => condition.field === one.field));
  return (
    <fieldset>
      <legend>{t('whitelist.conditions')}</legend>
      <div className="stack">
        {conditions.map((condition, index) => (
          <div key={index} className="row">
            <Select
              aria-label={t('whitelist.field')}
              style={{ width: 170 }}
              value={condition.field}
              options={WHITELIST_FIELDS.map((field) => ({
                value: field,
                label: t(`whitelistField.${field}`),
              }))}
              onChange={(field) =>
                replace(index, { field, value: candidates.find((one) => one.field === field)?.value ?? '' })
              }
            />
            <Select
              aria-label={t('whitelist.operator')}
              style={{ width: 150 }}
              value={condition.operator}
              options={OPERATORS.map((operator) => ({
                value: operator,
                label: t(`whitelistOperator.${operator}`),
              }))}
              onChange={(operator) => replace(index, { operator })}
            />
            <Input
              aria-label={t('whitelist.value')}
              style={{ flex: 1, minWidth: 160 }}
              maxLength={1024}
              value={condition.value}
              onChange={(event) => replace(index, { value: event.target.value })}
            />
            <Button
              disabled={conditions.length === 1}
              onClick={() => onChange(conditions.filter((_, position) => position !== index))}
            >
              {t('action.remove')}
            </Button>
          </div>
        ))}
        <div className="row">
          <Button
            disabled={conditions.length >= CONDITIONS_MAX}
            onClick={() =>
              onChange([...conditions, { field: 'process-path', operator: 'equals', value: '' }])
            }
          >
            {t('whitelist.addCondition')}
          </Button>
          {unused.slice(0, 6).map((candidate) => (
            <Button
              key={candidate.field}
              type="dashed"
              size="small"
              onClick={() => onChange([...conditions, candidate])}
            >
              + {t(`whitelistField.${candidate.field}`)}
            </Button>
          ))}
        </div>
      </div>
    </fieldset>
  );
}

function Effect({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const settled = useDeferredValue(draft);
  const preview = useQuery({
    queryKey: ['whitelist-preview', settled],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => take(api.POST('/api/v1/whitelist-rules/preview', { body: settled, signal })),
  });
  if (preview.isError) return <ProblemNotice error={preview.error} />;
  if (!preview.data) return <Loading />;
  const { silenced, examined, sample, warnings, by_node: byNode } = preview.data;
  return (
    <div role="status">
      <p>
        <strong>{t('whitelist.silenced', { silenced, examined })}</strong>
      </p>
      {warnings.map((warning, index) => (
        <p key={index}>
          ⚠ <Hostile wrap>{warning}</Hostile>
        </p>
      ))}
      {byNode.length > 0 && (
        <p className="secondary">{byNode.map((one) => `${one.name}: ${one.count}`).join(' · ')}</p>
      )}
      <ul className="plain-list">
        {sample.map((alert) => (
          <li key={alert.id}>
            <Time at={alert.last_time} />{' '}
            <Hostile wrap max={160}>{`${titleOf(alert)} — ${alert.container} ${alert.node}`}</Hostile>
          </li>
        ))}
      </ul>
    </div>
  );
}
