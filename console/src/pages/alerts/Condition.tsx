import { CheckCircleOutlined, CloseCircleOutlined, QuestionCircleOutlined } from '@ant-design/icons';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Schema } from '../../api/types';
import { Facts } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { Empty } from '../../ui/states';

/** Why a rule matched: its condition, part by part, with the value that each field had. */
export function Condition({
  detection,
  policy,
}: {
  detection: Schema<'AlertDetection'> | null;
  policy: Schema<'AlertPolicy'> | null;
}) {
  const { t } = useTranslation();
  if (!detection && !policy) return <Empty title={t('alert.noCondition')} />;
  return (
    <div className="stack">
      {policy && (
        <section className="panel">
          <h2>{t('alert.decided')}</h2>
          <Facts
            facts={[
              [t('alert.policyRule'), policy.rule ?? ''],
              [t('alert.policyPlace'), String((policy.index ?? 0) + 1)],
              [t('alert.policyVersion'), String(policy.version ?? 0)],
              [t('alert.policyAction'), policy.action ?? ''],
            ]}
          />
          <p>
            <Link to="/drift-policy">{t('alert.openPolicy')}</Link>
          </p>
        </section>
      )}
      {detection && (
        <section className="panel">
          <h2>{t('alert.condition')}</h2>
          {detection.output && (
            <p>
              <Hostile wrap code>
                {detection.output}
              </Hostile>
            </p>
          )}
          {detection.condition && (
            <ul className="tree">
              <Part condition={detection.condition} />
            </ul>
          )}
          <Facts
            facts={[
              [t('alert.source'), detection.source ?? ''],
              [t('alert.priority'), detection.priority ?? ''],
              [t('alert.tags'), (detection.tags ?? []).join(', ')],
            ]}
          />
        </section>
      )}
    </div>
  );
}

function Part({ condition }: { condition: Schema<'AlertCondition'> }) {
  const { t } = useTranslation();
  const joined = (condition.parts ?? []).length > 0;
  return (
    <li>
      <div className={joined ? undefined : 'tree-item'}>
        <Holds holds={condition.holds ?? null} />{' '}
        {joined ? (
          <strong>{t(`conditionWord.${word(condition.text ?? '')}`)}</strong>
        ) : (
          <Hostile code wrap>
            {condition.text ?? ''}
          </Hostile>
        )}
        {condition.value != null && (
          <div>
            <span className="secondary">{t('alert.value')} </span>
            <Hostile code wrap>
              {condition.value}
            </Hostile>
          </div>
        )}
      </div>
      {joined && (
        <ul>
          {condition.parts?.map((part, index) => (
            <Part key={index} condition={part} />
          ))}
        </ul>
      )}
    </li>
  );
}

function word(text: string): 'and' | 'or' | 'not' {
  return text === 'or' || text === 'not' ? text : 'and';
}

function Holds({ holds }: { holds: boolean | null }) {
  const { t } = useTranslation();
  if (holds === null) return <QuestionCircleOutlined aria-label={t('alert.unknown')} />;
  return holds ? (
    <CheckCircleOutlined aria-label={t('alert.holds')} />
  ) : (
    <CloseCircleOutlined aria-label={t('alert.holdsNot')} />
  );
}
