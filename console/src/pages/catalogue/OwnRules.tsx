import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, take } from '../../api/client';
import { isStale, type Problem } from '../../api/problem';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { ProblemNotice, QueryView } from '../../ui/states';
import { TextDiff } from '../../ui/TextDiff';
import { Diagnostics } from '../policy/Diagnostics';
import { RulesEditor } from './RulesEditor';

/** Wait after the last key before the text is checked, in milliseconds. */
const CHECK_AFTER_MS = 400;
const STORAGE_KEY = 'yagura.draft.own-rules';

/** The user's own rules, and exceptions of shipped ones, as a file with its problems shown in place. */
export function OwnRules() {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['catalogue', 'user-rules'],
    queryFn: () => take(api.GET('/api/v1/catalogue/user-rules')),
  });
  return (
    <Page title={t('nav.userRules')} about={t('ownRules.about')} permission={MAY.writeCatalogue}>
      <QueryView query={query}>{(rules) => <Editor rules={rules} />}</QueryView>
    </Page>
  );
}

function Editor({ rules }: { rules: Schema<'UserRulesBody'> }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const may = useMay(MAY.writeCatalogue);
  const [parameters] = useSearchParams();
  const except = parameters.get('except');
  const [text, setText] = useState(() => sessionStorage.getItem(STORAGE_KEY) ?? begin(rules.text, except));
  const [base, setBase] = useState(rules.version);
  const [checked, setChecked] = useState(text);
  const changed = text !== rules.text;
  useEffect(() => {
    if (changed) sessionStorage.setItem(STORAGE_KEY, text);
    else sessionStorage.removeItem(STORAGE_KEY);
    const timer = setTimeout(() => setChecked(text), CHECK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [text, changed]);
  const fields = useQuery({
    queryKey: ['catalogue', 'fields'],
    staleTime: Infinity,
    queryFn: () => take(api.GET('/api/v1/catalogue/fields')),
  });
  const check = useQuery({
    queryKey: ['rules-check', checked],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      take(api.POST('/api/v1/catalogue/user-rules/check', { body: { text: checked }, signal })),
  });
  const save = useMutation({
    mutationFn: () =>
      take(
        api.PUT('/api/v1/catalogue/user-rules', {
          params: { header: { 'If-Match': `"${base}"` } },
          body: { text },
        }),
      ),
    onSuccess: (saved) => {
      sessionStorage.removeItem(STORAGE_KEY);
      client.setQueryData(['catalogue', 'user-rules'], saved);
      void client.invalidateQueries({ queryKey: ['catalogue'], exact: true });
      setBase(saved.version);
      message.success(t('policy.saved', { version: saved.version }));
    },
  });
  const stale = isStale(save.error) ? save.error : null;
  const diagnostics = check.data?.diagnostics ?? [];
  return (
    <div className="stack">
      {stale ? (
        <Stale
          problem={stale}
          text={text}
          onKeep={() => {
            setBase(currentOf(stale)?.version ?? rules.version);
            save.reset();
          }}
        />
      ) : (
        <ProblemNotice error={save.error} />
      )}
      <RulesEditor
        text={text}
        onChange={setText}
        diagnostics={diagnostics}
        fields={fields.data?.items ?? []}
        readOnly={!may}
        label={t('nav.userRules')}
      />
      <Diagnostics diagnostics={diagnostics} />
      {changed && (
        <section className="save-bar" aria-label={t('policy.unsaved')}>
          <strong>{t('policy.unsaved')}</strong>
          <div className="row">
            <Button onClick={() => setText(rules.text)}>{t('policy.discard')}</Button>
            <MayButton
              permission={MAY.writeCatalogue}
              type="primary"
              loading={save.isPending}
              disabled={check.data?.usable !== true || checked !== text}
              onClick={() => save.mutate()}
            >
              {t('action.save')}
            </MayButton>
          </div>
        </section>
      )}
    </div>
  );
}

/** The file, with the beginning of an exception at its end if one is asked for. */
function begin(text: string, except: string | null): string {
  if (!except) return text;
  const exception = [
    `- rule: ${JSON.stringify(except)}`,
    '  exceptions:',
    '    - name: my_exception',
    '      fields: [container.image.repository, proc.exepath]',
    '      comps: [=, =]',
    '      values:',
    '        - [registry.example/image, /usr/bin/program]',
    '  override:',
    '    exceptions: append',
    '',
  ].join('\n');
  return text.trim() ? `${text.trimEnd()}\n\n${exception}` : exception;
}

function currentOf(problem: Problem): Schema<'UserRulesBody'> | null {
  return (problem.body.current as Schema<'UserRulesBody'> | undefined) ?? null;
}

function Stale({ problem, text, onKeep }: { problem: Problem; text: string; onKeep: () => void }) {
  const { t } = useTranslation();
  const theirs = currentOf(problem);
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t('conflict.title', { name: theirs?.saved_by ?? '', version: theirs?.version ?? 0 })}
      description={
        <div className="stack">
          <p>{t('conflict.why')}</p>
          <TextDiff before={theirs?.text ?? ''} after={text} />
          <div>
            <Button onClick={onKeep}>{t('conflict.keepMine')}</Button>
          </div>
        </div>
      }
    />
  );
}
