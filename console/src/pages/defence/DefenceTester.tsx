import { useMutation } from '@tanstack/react-query';
import { Alert, Button, Drawer, Input, Select } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { ProblemNotice } from '../../ui/states';
import { subjectBody } from '../policy/subject';
import { labelsOf, NO_SUBJECT, SubjectForm } from '../policy/SubjectForm';
import { TestAnswer } from '../policy/TestAnswer';
import { DIMENSIONS, useBehaviourLabel, useBehaviours, type DefencePolicyBody } from './behaviours';

/** Asks which rule would decide about a behaviour, before it happens. */
export function DefenceTester({
  policy,
  onClose,
}: {
  policy: DefencePolicyBody | null;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const [subject, setSubject] = useState(NO_SUBJECT);
  const [behaviour, setBehaviour] = useState<string>();
  const [file, setFile] = useState('');
  const behaviours = useBehaviours();
  const labelOf = useBehaviourLabel();
  const ask = useMutation({
    mutationFn: () =>
      take(
        api.POST('/api/v1/defence-rules/test', {
          body: {
            subject: {
              ...subjectBody(subject),
              labels: labelsOf(subject.labels),
              behaviour: behaviour ?? '',
              file,
            },
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
        <div className="grid-2">
          <div className="field">
            <label htmlFor={`${id}-behaviour`}>{t('alert.behaviour')}</label>
            <Select
              id={`${id}-behaviour`}
              showSearch={{ optionFilterProp: 'label' }}
              value={behaviour}
              options={DIMENSIONS.map((dimension) => ({
                label: t(`dimension.${dimension}`),
                options: behaviours
                  .filter((one) => one.dimension === dimension)
                  .map((one) => ({ value: one.name, label: labelOf(one) })),
              }))}
              onChange={setBehaviour}
            />
          </div>
          <div className="field">
            <label htmlFor={`${id}-file`}>{t('defenceAllow.file')}</label>
            <Input id={`${id}-file`} value={file} onChange={(event) => setFile(event.target.value)} />
          </div>
        </div>
        <SubjectForm subject={subject} onChange={setSubject} />
        <div>
          <Button
            type="primary"
            htmlType="submit"
            loading={ask.isPending}
            disabled={!subject.process || !behaviour}
          >
            {t('tester.ask')}
          </Button>
        </div>
        <ProblemNotice error={ask.error} />
        {ask.data && <TestAnswer result={ask.data} />}
      </form>
    </Drawer>
  );
}
