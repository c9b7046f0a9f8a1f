import { useMutation } from '@tanstack/react-query';
import { Alert, Button, Drawer, Select } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { ProblemNotice } from '../../ui/states';
import { labelsOf, NO_SUBJECT, SubjectForm } from '../policy/SubjectForm';
import { subjectBody } from '../policy/subject';
import { TestAnswer } from '../policy/TestAnswer';
import { KINDS, PROVENANCES, type DriftPolicyBody } from './rules';

/** Asks which rule would decide about a process, before it is there. */
export function DriftTester({ policy, onClose }: { policy: DriftPolicyBody | null; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [subject, setSubject] = useState(NO_SUBJECT);
  const [kind, setKind] = useState<string>('binaries');
  const [provenance, setProvenance] = useState<string>('written');
  const ask = useMutation({
    mutationFn: () =>
      take(
        api.POST('/api/v1/drift-policy/test', {
          body: {
            subject: { ...subjectBody(subject), labels: labelsOf(subject.labels), kind, provenance },
            draft: policy ? { policy } : null,
          },
        }),
      ),
  });
  return (
    <Drawer open size={720} onClose={onClose} title={t('tester.title')}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        {policy && <Alert type="info" showIcon title={t('tester.draft')} />}
        <SubjectForm subject={subject} onChange={setSubject} />
        <div className="grid-2">
          <div className="field">
            <label htmlFor={`${id}-kind`}>{t('drift.kinds')}</label>
            <Select
              id={`${id}-kind`}
              value={kind}
              options={KINDS.map((value) => ({ value: value, label: t(`driftKind.${value}`) }))}
              onChange={setKind}
            />
          </div>
          <div className="field">
            <label htmlFor={`${id}-provenance`}>{t('drift.provenances')}</label>
            <Select
              id={`${id}-provenance`}
              value={provenance}
              options={PROVENANCES.map((value) => ({
                value: value,
                label: t(`provenance.${value}`),
              }))}
              onChange={setProvenance}
            />
          </div>
        </div>
        <div>
          <Button type="primary" htmlType="submit" loading={ask.isPending} disabled={!subject.process}>
            {t('tester.ask')}
          </Button>
        </div>
        <ProblemNotice error={ask.error} />
        {ask.data && <TestAnswer result={ask.data} />}
      </form>
    </Drawer>
  );
}
