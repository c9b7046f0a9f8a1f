import { App, Radio } from 'antd';
import { useTranslation } from 'react-i18next';
import { useChoose } from '../../app/preferences';
import { useSession } from '../../app/session';
import { APPEARANCE_CHOICES, useAppearance, type AppearanceChoice } from '../../app/theme';
import { LANGUAGES, type Language } from '../../i18n';
import { Facts } from '../../ui/Facts';
import { Page } from '../../ui/Page';
import { Time } from '../../ui/Time';
import { PasswordForm } from './PasswordForm';

/** What belongs to whoever is logged in: password, language, theme. */
export function Account() {
  const { t, i18n } = useTranslation();
  const { message } = App.useApp();
  const { session } = useSession();
  const { choice } = useAppearance();
  const choose = useChoose();
  const { user } = session;
  return (
    <Page title={t('nav.account')}>
      <div className="grid-2">
        <section className="panel">
          <h2>{user.name}</h2>
          <Facts
            facts={[
              [t('access.role'), t(`role.${user.role}`)],
              [t('access.clusters'), (user.scope.clusters ?? []).join(', ') || t('access.all')],
              [t('access.namespaces'), (user.scope.namespaces ?? []).join(', ') || t('access.all')],
              [t('account.sessionEnd'), session.expires_at ? <Time key="end" at={session.expires_at} /> : ''],
              [t('account.center'), session.center_version],
              [t('account.zone'), Intl.DateTimeFormat().resolvedOptions().timeZone],
            ]}
          />
          <h3>{t('language.label')}</h3>
          <Radio.Group
            aria-label={t('language.label')}
            value={i18n.language}
            onChange={(event) => choose({ language: event.target.value as Language })}
            options={LANGUAGES.map((value) => ({
              value,
              label: <span lang={value}>{t(`language.${value}`)}</span>,
            }))}
          />
          <h3>{t('appearance.label')}</h3>
          <Radio.Group
            aria-label={t('appearance.label')}
            value={choice}
            onChange={(event) => choose({ theme: event.target.value as AppearanceChoice })}
            options={APPEARANCE_CHOICES.map((value) => ({ value, label: t(`appearance.${value}`) }))}
          />
          <p className="field-hint">{t('account.kept')}</p>
        </section>
        <section className="panel">
          <h2>{t('firstPassword.title')}</h2>
          <PasswordForm name={user.name} done={() => void message.success(t('firstPassword.done'))} />
        </section>
      </div>
    </Page>
  );
}
