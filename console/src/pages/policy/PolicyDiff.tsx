import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';

type Diff = Schema<'PolicyDiffBody'>;

/** What changes between two policies, rule by rule. */
export function PolicyDiff({ diff }: { diff: Diff }) {
  const { t } = useTranslation();
  if (diff.is_empty) return <p>{t('diff.same')}</p>;
  const name = (text: string) => (
    <strong>
      <Hostile>{text}</Hostile>
    </strong>
  );
  return (
    <ul className="bare-list stack" aria-label={t('diff.label')}>
      {diff.removed.map((rule) => (
        <li key={`r-${rule.kind}-${rule.name}`} className="diff-removed">
          − {t('policyDiff.removed')} {name(rule.name)}
        </li>
      ))}
      {diff.added.map((rule) => (
        <li key={`a-${rule.kind}-${rule.name}`} className="diff-added">
          + {t('policyDiff.added', { place: rule.index + 1 })} {name(rule.name)}
        </li>
      ))}
      {diff.moved.map((rule) => (
        <li key={`m-${rule.name}`}>
          ↕ {name(rule.name)} {t('policyDiff.moved', { from: rule.from + 1, to: rule.to + 1 })}
        </li>
      ))}
      {diff.changed.map((rule) => (
        <li key={`c-${rule.kind}-${rule.name}`}>
          ✎ {name(rule.name)}
          <Fields fields={rule.fields} />
        </li>
      ))}
      {diff.policy.length > 0 && (
        <li>
          ✎ {t('policyDiff.policy')}
          <Fields fields={diff.policy} />
        </li>
      )}
    </ul>
  );
}

function Fields({ fields }: { fields: Schema<'FieldChangeBody'>[] }) {
  const { t } = useTranslation();
  const shown = (value: string) =>
    value ? (
      <Hostile code wrap>
        {value}
      </Hostile>
    ) : (
      <em>{t('policyDiff.leftOut')}</em>
    );
  return (
    <ul className="plain-list">
      {fields.map((field) => (
        <li key={field.field}>
          <code>{field.field}</code>: <del>{shown(field.before)}</del> → <ins>{shown(field.after)}</ins>
        </li>
      ))}
    </ul>
  );
}
