import { useMutation, useQuery } from '@tanstack/react-query';
import { Alert, Button, Input, Modal } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { provider, providerAddress, refusal } from '../../api/means';
import { Problem } from '../../api/problem';
import type { LogInProps } from '../../app/session';
import { ProblemNotice } from '../../ui/states';
import { Choices } from '../../app/Choices';

/** Asks for name and password: on a page of its own, or above the page on which the session ended. */
export function LogIn({ again, done }: LogInProps): ReactNode {
  const { t } = useTranslation();
  if (again) {
    return (
      <Modal open closable={false} footer={null} keyboard={false} title={t('logIn.again')}>
        <p>{t('logIn.againWhy', { name: again })}</p>
        <LogInForm again={again} done={done} />
      </Modal>
    );
  }
  return (
    <main className="centered">
      <div className="panel log-in">
        <div className="row-between block-gap">
          <h1 className="shell-brand">
            <img src="/favicon.svg" alt="" /> {t('product')}
          </h1>
          <Choices />
        </div>
        <LogInForm done={done} />
        <p className="secondary">{t('logIn.first')}</p>
      </div>
    </main>
  );
}

function LogInForm({ again, done }: LogInProps) {
  const { t } = useTranslation();
  const id = useId();
  const [name, setName] = useState(again ?? '');
  const [password, setPassword] = useState('');
  const logIn = useMutation({
    mutationFn: () => take(api.POST('/api/v1/session', { body: { name, password } })),
    onSuccess: done,
  });
  const refused = logIn.error instanceof Problem ? logIn.error.status : 0;
  const { data: identity } = useQuery({ queryKey: ['session', 'means'], queryFn: provider });
  const back = refusal(window.location.search);
  return (
    <form
      className="stack"
      aria-label={t('logIn.title')}
      onSubmit={(event) => {
        event.preventDefault();
        logIn.mutate();
      }}
    >
      {back && !logIn.error && <Alert type="error" showIcon role="alert" title={t(`logInRefused.${back}`)} />}
      {refused === 401 || refused === 429 ? (
        <Alert
          type="error"
          showIcon
          role="alert"
          title={refused === 401 ? t('logIn.wrong') : t('logIn.tooMany')}
        />
      ) : (
        <ProblemNotice error={logIn.error} />
      )}
      <div className="field">
        <label htmlFor={`${id}-name`}>{t('logIn.name')}</label>
        <Input
          id={`${id}-name`}
          value={name}
          disabled={again !== undefined}
          autoComplete="username"
          onChange={(event) => setName(event.target.value)}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-password`}>{t('logIn.password')}</label>
        <Input
          type="password"
          id={`${id}-password`}
          value={password}
          autoComplete="current-password"
          onChange={(event) => setPassword(event.target.value)}
        />
      </div>
      <Button type="primary" htmlType="submit" loading={logIn.isPending} disabled={!name || !password}>
        {t('logIn.submit')}
      </Button>
      {identity && (
        <Button href={providerAddress(identity, window.location)}>
          {t('logIn.provider', { name: identity.label })}
        </Button>
      )}
    </form>
  );
}
