import { Alert } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Hostile } from '../../ui/Hostile';

/** What is wrong or doubtful about a policy or about rules, with the way out. */
export function Diagnostics({ diagnostics }: { diagnostics: Schema<'DiagnosticDto'>[] }) {
  const { t } = useTranslation();
  return (
    <ul className="bare-list stack">
      {diagnostics.map((one, index) => (
        <li key={index}>
          <Alert
            type={one.severity === 'error' ? 'error' : 'warning'}
            showIcon
            title={
              <>
                {t(`diagnostic.${one.severity}`)} <code>{one.code}</code>
                {one.line > 0 && ` ${t('diagnostic.place', { line: one.line, column: one.column })}`}
                {one.line === 0 &&
                  one.rule != null &&
                  ` ${t('diagnostic.rule', { place: one.rule + 1 })}`}: <Hostile wrap>{one.message}</Hostile>
              </>
            }
            description={one.hint ? <Hostile wrap>{one.hint}</Hostile> : undefined}
          />
        </li>
      ))}
    </ul>
  );
}
