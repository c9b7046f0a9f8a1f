import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, App, Button, Checkbox, Input, Modal, Segmented } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { isStale } from '../../api/problem';
import { MAY } from '../../app/permissions';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import type { PolicyApi } from './api';
import { Conflict } from './Conflict';
import { Diagnostics } from './Diagnostics';
import { PolicyDiff } from './PolicyDiff';
import { Simulation } from './Simulation';
import type { Draft } from './useDraft';

/** Spans of history that a simulation is offered for, in days. */
const SIMULATED_DAYS = [1, 7, 30, 90];

/** Shows what saving would change, on paper and in history, before anything is saved. */
export function SaveDialog<Policy>({
  api,
  draft,
  onClose,
}: {
  api: PolicyApi<Policy>;
  draft: Draft<Policy>;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const { message } = App.useApp();
  const [comment, setComment] = useState('');
  const [accepted, setAccepted] = useState(false);
  const [days, setDays] = useState(7);
  const { policy } = draft;
  const check = useQuery({ queryKey: [`${api.key}-check`, policy], queryFn: () => api.check(policy) });
  const diff = useQuery({
    queryKey: [`${api.key}-diff`, policy, draft.current.etag],
    queryFn: () => api.diff(policy),
  });
  const simulation = useQuery({
    queryKey: [`${api.key}-simulation`, policy, days],
    queryFn: () => api.simulate(policy, days),
  });
  const save = useMutation({
    mutationFn: () => api.save(policy, draft.etag, comment, accepted),
    onSuccess: (version) => {
      draft.saved(version);
      message.success(t('policy.saved', { version: version.version }));
      onClose();
    },
  });
  const warnings = check.data?.diagnostics.some((one) => one.severity === 'warning') ?? false;
  const usable = check.data?.usable === true && (!warnings || accepted);
  return (
    <Modal
      open
      width={860}
      onCancel={onClose}
      title={t('policy.saveTitle')}
      footer={
        <div className="row">
          <MayButton
            permission={MAY.writePolicies}
            type="primary"
            loading={save.isPending}
            disabled={!usable}
            onClick={() => save.mutate()}
          >
            {t('policy.saveNow')}
          </MayButton>
          <Button onClick={onClose}>{t('policy.goOn')}</Button>
        </div>
      }
    >
      <div className="stack">
        {isStale(save.error) ? (
          <Conflict draft={draft} problem={save.error} onResolved={() => save.reset()} />
        ) : (
          <ProblemNotice error={save.error} />
        )}
        <h3>{t('policy.changes')}</h3>
        <QueryView query={diff}>{(data) => <PolicyDiff diff={data} />}</QueryView>
        <QueryView query={check}>
          {(data) => (
            <>
              <Diagnostics diagnostics={data.diagnostics} />
              {!data.usable && <Alert type="error" showIcon title={t('policy.unusable')} />}
            </>
          )}
        </QueryView>
        {warnings && (
          <Checkbox checked={accepted} onChange={(event) => setAccepted(event.target.checked)}>
            {t('policy.acceptWarnings')}
          </Checkbox>
        )}
        <div className="row-between">
          <h3>{t('simulation.title')}</h3>
          <Segmented
            aria-label={t('simulation.span')}
            value={days}
            options={SIMULATED_DAYS.map((value) => ({
              value,
              label: t('simulation.days', { count: value }),
            }))}
            onChange={setDays}
          />
        </div>
        <QueryView query={simulation}>{(data) => <Simulation result={data} />}</QueryView>
        <div className="field">
          <label htmlFor={id}>{t('policy.comment')}</label>
          <Input
            id={id}
            maxLength={2000}
            value={comment}
            onChange={(event) => setComment(event.target.value)}
          />
        </div>
      </div>
    </Modal>
  );
}
