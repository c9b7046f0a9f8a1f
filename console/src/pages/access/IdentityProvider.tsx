import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Checkbox, Input, Select } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, take } from '../../api/client';
import { isStale, type Problem } from '../../api/problem';
import type { Role, Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { CopyText } from '../../ui/CopyText';
import { MayButton } from '../../ui/MayButton';
import { ProblemNotice, QueryView } from '../../ui/states';
import { TextDiff } from '../../ui/TextDiff';
import { ProviderRoles } from './ProviderRoles';
import { ROLES } from './ScopeFields';

type Provider = Schema<'OidcBody'>;
type Settings = Schema<'OidcDraft'>;

const KEY = ['oidc-settings'];

/** What the form shows where nothing was set: the names that most providers use. */
const UNSET: Settings = {
  enabled: true,
  label: '',
  issuer: '',
  client_id: '',
  scopes: ['profile', 'email'],
  name_claim: 'preferred_username',
  roles_claim: 'groups',
  roles: [],
  default_role: null,
  ca_pem: '',
};

/** The identity provider that people log in at, and who gets which role by it. */
export function IdentityProvider() {
  const { t } = useTranslation();
  const query = useQuery({ queryKey: KEY, queryFn: () => take(api.GET('/api/v1/oidc-settings')) });
  return (
    <div className="stack">
      <p>{t('oidc.about')}</p>
      <QueryView query={query}>{(provider) => <Editor provider={provider} />}</QueryView>
    </div>
  );
}

function Editor({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const [settings, setSettings] = useState<Settings>(provider.settings ?? UNSET);
  // Undefined keeps the secret that there is; an empty one removes it.
  const [secret, setSecret] = useState<string>();
  const [etag, setEtag] = useState(provider.etag);
  const save = useMutation({
    mutationFn: () =>
      take(
        api.PUT('/api/v1/oidc-settings', {
          params: { header: { 'If-Match': etag } },
          body: { ...settings, ...(secret !== undefined && { client_secret: secret }) },
        }),
      ),
    onSuccess: (saved) => {
      client.setQueryData(KEY, saved);
      void client.invalidateQueries({ queryKey: ['session', 'means'] });
      takeOver(saved);
      void message.success(saved.settings?.enabled ? t('oidc.saved') : t('oidc.savedOff'));
    },
  });
  const takeOver = (fresh: Provider) => {
    setSettings(fresh.settings ?? UNSET);
    setSecret(undefined);
    setEtag(fresh.etag);
  };
  const stale = isStale(save.error) ? currentOf(save.error) : null;
  return (
    <form
      className="panel stack form-narrow"
      aria-label={t('access.provider')}
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {stale ? (
        <Conflict
          theirs={stale}
          mine={settings}
          onTake={() => {
            client.setQueryData(KEY, stale);
            takeOver(stale);
            save.reset();
          }}
          onKeep={() => {
            setEtag(stale.etag);
            save.reset();
          }}
        />
      ) : (
        <ProblemNotice error={save.error} />
      )}
      <Fields
        settings={settings}
        onChange={(part) => setSettings({ ...settings, ...part })}
        redirectUri={provider.redirect_uri}
        secret={<Secret kept={provider.has_client_secret} value={secret} onChange={setSecret} />}
      />
      <div className="row">
        <MayButton
          permission={MAY.manageUsers}
          type="primary"
          htmlType="submit"
          loading={save.isPending}
          disabled={!settings.label || !settings.issuer || !settings.client_id}
        >
          {t('action.save')}
        </MayButton>
        <span className="field-hint">{t('oidc.enabledHint')}</span>
      </div>
    </form>
  );
}

function Fields({
  settings,
  onChange,
  redirectUri,
  secret,
}: {
  settings: Settings;
  onChange: (part: Partial<Settings>) => void;
  redirectUri: string;
  secret: ReactNode;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <>
      <Checkbox checked={settings.enabled} onChange={(event) => onChange({ enabled: event.target.checked })}>
        {t('oidc.enabled')}
      </Checkbox>
      <Word
        label={t('oidc.label')}
        value={settings.label}
        max={64}
        onChange={(label) => onChange({ label })}
      />
      <Word
        label={t('oidc.issuer')}
        hint={t('oidc.issuerHint')}
        value={settings.issuer}
        max={2048}
        onChange={(issuer) => onChange({ issuer })}
      />
      <div className="field">
        <span className="field-label">{t('oidc.redirect')}</span>
        <CopyText text={redirectUri} label={t('oidc.redirect')} />
      </div>
      <Word
        label={t('oidc.clientId')}
        value={settings.client_id}
        onChange={(client_id) => onChange({ client_id })}
      />
      {secret}
      <div className="field">
        <label htmlFor={`${id}-scopes`}>{t('oidc.scopes')}</label>
        <Select
          id={`${id}-scopes`}
          mode="tags"
          open={false}
          suffix={null}
          tokenSeparators={[',', ' ']}
          value={settings.scopes ?? []}
          onChange={(scopes: string[]) => onChange({ scopes })}
        />
      </div>
      <div className="grid-2">
        <Word
          label={t('oidc.nameClaim')}
          value={settings.name_claim ?? ''}
          onChange={(name_claim) => onChange({ name_claim })}
        />
        <Word
          label={t('oidc.rolesClaim')}
          value={settings.roles_claim ?? ''}
          onChange={(roles_claim) => onChange({ roles_claim })}
        />
      </div>
      <ProviderRoles roles={settings.roles ?? []} onChange={(roles) => onChange({ roles })} />
      <div className="field">
        <label htmlFor={`${id}-others`}>{t('oidc.others')}</label>
        <Select<Role | ''>
          id={`${id}-others`}
          value={settings.default_role ?? ''}
          options={[
            { value: '', label: t('oidc.refused') },
            ...ROLES.map((value) => ({ value, label: t(`role.${value}`) })),
          ]}
          onChange={(value) => onChange({ default_role: value === '' ? null : value })}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-ca`}>{t('oidc.ca')}</label>
        <Input.TextArea
          id={`${id}-ca`}
          className="hostile-code"
          rows={4}
          spellCheck={false}
          value={settings.ca_pem ?? ''}
          onChange={(event) => onChange({ ca_pem: event.target.value })}
        />
      </div>
    </>
  );
}

function Word({
  label,
  hint,
  value,
  max = 256,
  onChange,
}: {
  label: string;
  hint?: string;
  value: string;
  max?: number;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <Input
        id={id}
        maxLength={max}
        spellCheck={false}
        aria-describedby={hint && `${id}-hint`}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      {hint && (
        <span id={`${id}-hint`} className="field-hint">
          {hint}
        </span>
      )}
    </div>
  );
}

/** The secret is never shown: it is kept, replaced or removed. */
function Secret({
  kept,
  value,
  onChange,
}: {
  kept: boolean;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const removed = kept && value === '';
  return (
    <div className="field">
      <label htmlFor={id}>{t('oidc.clientSecret')}</label>
      <Input
        id={id}
        type="password"
        autoComplete="off"
        disabled={removed}
        placeholder={kept && !removed ? t('outputs.secretKept') : ''}
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value || undefined)}
      />
      {kept && (
        <Checkbox checked={removed} onChange={(event) => onChange(event.target.checked ? '' : undefined)}>
          {t('oidc.removeSecret')}
        </Checkbox>
      )}
    </div>
  );
}

function Conflict({
  theirs,
  mine,
  onTake,
  onKeep,
}: {
  theirs: Provider;
  mine: Settings;
  onTake: () => void;
  onKeep: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Alert
      type="warning"
      showIcon
      role="alert"
      title={t('oidc.conflict')}
      description={
        <div className="stack">
          <p>{t('conflict.why')}</p>
          <TextDiff before={inOrder(theirs.settings ?? UNSET)} after={inOrder(mine)} />
          <div className="row">
            <Button onClick={onTake}>{t('conflict.takeTheirs')}</Button>
            <Button onClick={onKeep}>{t('conflict.keepMine')}</Button>
          </div>
        </div>
      }
    />
  );
}

/** Settings as text, line by line in one order, whoever put them together. */
function inOrder(settings: Settings): string {
  return JSON.stringify(Object.fromEntries(Object.entries(settings).sort()), null, 2);
}

function currentOf(problem: Problem): Provider | null {
  return (problem.body.current as Provider | null | undefined) ?? null;
}
