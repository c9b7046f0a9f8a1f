import { useQueryClient } from '@tanstack/react-query';
import { Alert, Button } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Problem } from '../../api/problem';
import { TextDiff } from '../../ui/TextDiff';
import type { PolicyVersion } from './api';
import type { Draft } from './useDraft';

/** Two people edited one policy: the second sees both versions, and chooses. */
export function Conflict<Policy>({
  draft,
  problem,
  onResolved,
}: {
  draft: Draft<Policy>;
  problem: Problem;
  onResolved: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const theirs = (problem.body.current as PolicyVersion<Policy> | null) ?? draft.current;
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t('conflict.title', { name: theirs.saved_by, version: theirs.version })}
      description={
        <div className="stack">
          <p>{t('conflict.why')}</p>
          <TextDiff before={pretty(theirs.policy)} after={pretty(draft.policy)} />
          <div className="row">
            <Button
              onClick={() => {
                draft.discard();
                void client.invalidateQueries();
                onResolved();
              }}
            >
              {t('conflict.takeTheirs')}
            </Button>
            <Button
              disabled={theirs.etag !== draft.current.etag}
              onClick={() => {
                draft.rebase();
                onResolved();
              }}
            >
              {t('conflict.keepMine')}
            </Button>
          </div>
        </div>
      }
    />
  );
}

function pretty(policy: unknown): string {
  return JSON.stringify(policy, null, 2);
}
