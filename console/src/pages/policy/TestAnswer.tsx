import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Badge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';

type Verdict = 'alert' | 'ignore' | 'block' | 'allowed' | 'nothing' | 'watch' | 'deny';

/** Which rule decides, and rule by rule why. */
export function TestAnswer({ result }: { result: Schema<'TestResult'> }) {
  const { t } = useTranslation();
  return (
    <section className="stack" role="status">
      <p>
        <strong>{t(`verdict.${result.verdict as Verdict}`)}</strong>
        {result.rule && (
          <>
            {' — '}
            {t('tester.decides')}{' '}
            <strong>
              <Hostile>{result.rule}</Hostile>
            </strong>
          </>
        )}
      </p>
      <ol className="timeline">
        {result.steps.map((step) => (
          <li key={step.index}>
            <Badge tone={step.matched ? 'good' : 'neutral'}>
              {step.matched ? t('tester.matches') : t('tester.passes')}
            </Badge>
            <div>
              <strong>
                <Hostile>{step.rule}</Hostile>
              </strong>{' '}
              <Hostile wrap>{step.reason}</Hostile>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
