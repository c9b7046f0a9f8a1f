import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { compareLines, type Line } from './compare';

const SIGN: Record<Line['kind'], string> = { same: ' ', added: '+', removed: '−' };

/** Two texts line by line; what is new carries a plus, what is gone a minus. */
export function TextDiff({ before, after }: { before: string; after: string }) {
  const { t } = useTranslation();
  const lines = useMemo(() => compareLines(before, after), [before, after]);
  if (lines.every((line) => line.kind === 'same')) return <p>{t('diff.same')}</p>;
  return (
    <pre className="diff" tabIndex={0} aria-label={t('diff.label')}>
      {lines.map((line, index) => (
        <div key={index} className={`diff-${line.kind}`}>
          <span aria-hidden>{SIGN[line.kind]} </span>
          {line.kind !== 'same' && <span className="visually-hidden">{t(`diff.${line.kind}`)}: </span>}
          {line.text || ' '}
        </div>
      ))}
    </pre>
  );
}
