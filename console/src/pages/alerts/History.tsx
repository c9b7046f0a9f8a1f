import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Input } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { MAY } from '../../app/permissions';
import { StatusBadge } from '../../ui/badges';
import { Hostile } from '../../ui/Hostile';
import { MayButton } from '../../ui/MayButton';
import { Empty, ProblemNotice, QueryView } from '../../ui/states';
import { Time } from '../../ui/Time';
import { useUndo } from './HandleDrawer';
import { useAlertHistory, useComments } from './queries';

type HistoryKind = 'status' | 'undo' | 'comment' | 'action';

/** Longest comment, in characters: the center takes no longer one. */
const COMMENT_LENGTH_MAX = 4000;

/** Who did what with an alert, and the way back. */
export function History({ id }: { id: string }) {
  const { t } = useTranslation();
  const query = useAlertHistory(id);
  const undo = useUndo();
  return (
    <QueryView query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title={t('alert.noHistory')} />
        ) : (
          <ol className="timeline panel">
            {items.map((entry, index) => (
              <li key={index}>
                <Time at={entry.time} />
                <div>
                  <div className="row">
                    <strong>
                      <Hostile>{entry.actor}</Hostile>
                    </strong>
                    {t(`historyKind.${entry.kind as HistoryKind}`)}
                    {entry.before && entry.after && entry.before !== entry.after && (
                      <>
                        <StatusBadge status={entry.before} /> → <StatusBadge status={entry.after} />
                      </>
                    )}
                    {index === 0 && entry.kind === 'status' && (
                      <Button size="small" onClick={() => undo([id])}>
                        {t('handle.undo')}
                      </Button>
                    )}
                  </div>
                  {entry.text && <Hostile wrap>{entry.text}</Hostile>}
                </div>
              </li>
            ))}
          </ol>
        )
      }
    </QueryView>
  );
}

/** What people wrote about an alert. */
export function Comments({ id }: { id: string }) {
  const { t } = useTranslation();
  const field = useId();
  const client = useQueryClient();
  const query = useComments(id);
  const [text, setText] = useState('');
  const add = useMutation({
    mutationFn: () =>
      take(api.POST('/api/v1/alerts/{id}/comments', { params: { path: { id } }, body: { text } })),
    onSuccess: () => {
      setText('');
      void client.invalidateQueries({ queryKey: ['alert', id] });
    },
  });
  return (
    <div className="panel stack">
      <QueryView query={query}>
        {({ items }) => (
          <ul className="bare-list stack">
            {items.map((comment) => (
              <li key={comment.id}>
                <strong>
                  <Hostile>{comment.author}</Hostile>
                </strong>{' '}
                <span className="secondary">
                  <Time at={comment.time} />
                </span>
                <div>
                  <Hostile wrap>{comment.text}</Hostile>
                </div>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
      <ProblemNotice error={add.error} />
      <div className="field">
        <label htmlFor={field}>{t('alert.newComment')}</label>
        <Input.TextArea
          id={field}
          rows={3}
          maxLength={COMMENT_LENGTH_MAX}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <div>
        <MayButton
          permission={MAY.handleAlerts}
          type="primary"
          loading={add.isPending}
          disabled={!text.trim()}
          onClick={() => add.mutate()}
        >
          {t('alert.addComment')}
        </MayButton>
      </div>
    </div>
  );
}
