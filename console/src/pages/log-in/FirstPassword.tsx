import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import type { Session } from '../../api/types';
import { PasswordForm } from '../account/PasswordForm';

/** Makes whoever came with a one-time password choose one. */
export function FirstPassword({ session, done }: { session: Session; done: (session: Session) => void }) {
  const { t } = useTranslation();
  return (
    <main className="centered">
      <div className="panel log-in">
        <h1 className="panel-title">{t('firstPassword.title')}</h1>
        <p className="secondary">{t('firstPassword.why')}</p>
        <PasswordForm
          name={session.user.name}
          done={() => void take(api.GET('/api/v1/session')).then(done)}
        />
      </div>
    </main>
  );
}
