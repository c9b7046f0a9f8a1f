import { useMutation } from '@tanstack/react-query';
import { Alert, Button, Input } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { ProblemNotice } from '../../ui/states';

/** Shortest password that the center takes, in characters. */
const PASSWORD_LENGTH_MIN = 12;

/** Changes the password of whoever is logged in. */
export function PasswordForm({ name, done }: { name: string; done: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [current, setCurrent] = useState('');
  const [fresh, setFresh] = useState('');
  const [repeated, setRepeated] = useState('');
  const [fault, setFault] = useState<'short' | 'differ' | null>(null);
  const change = useMutation({
    mutationFn: () => take(api.PUT('/api/v1/session/password', { body: { current, new: fresh } })),
    onSuccess: () => {
      setCurrent('');
      setFresh('');
      setRepeated('');
      done();
    },
  });
  const submit = () => {
    const found = fresh.length < PASSWORD_LENGTH_MIN ? 'short' : fresh !== repeated ? 'differ' : null;
    setFault(found);
    if (!found) change.mutate();
  };
  return (
    <form
      className="stack"
      aria-label={t('firstPassword.title')}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <ProblemNotice error={change.error} />
      {fault && <Alert type="error" showIcon role="alert" title={t(`firstPassword.${fault}`)} />}
      {/* Password managers look for the name that a password belongs to. */}
      <input
        type="text"
        className="visually-hidden"
        autoComplete="username"
        value={name}
        readOnly
        tabIndex={-1}
        aria-hidden
      />
      <div className="field">
        <label htmlFor={`${id}-current`}>{t('firstPassword.current')}</label>
        <Input
          type="password"
          id={`${id}-current`}
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-new`}>{t('firstPassword.fresh')}</label>
        <Input
          type="password"
          id={`${id}-new`}
          autoComplete="new-password"
          aria-describedby={`${id}-rule`}
          value={fresh}
          onChange={(event) => setFresh(event.target.value)}
        />
        <span id={`${id}-rule`} className="field-hint">
          {t('firstPassword.rule')}
        </span>
      </div>
      <div className="field">
        <label htmlFor={`${id}-again`}>{t('firstPassword.repeat')}</label>
        <Input
          type="password"
          id={`${id}-again`}
          autoComplete="new-password"
          value={repeated}
          onChange={(event) => setRepeated(event.target.value)}
        />
      </div>
      <Button
        type="primary"
        htmlType="submit"
        loading={change.isPending}
        disabled={!current || !fresh || !repeated}
      >
        {t('firstPassword.submit')}
      </Button>
    </form>
  );
}
