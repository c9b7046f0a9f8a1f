import { CheckCircleOutlined, ExclamationCircleOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button, Checkbox, Modal, Switch } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, take } from '../../api/client';
import { isStale } from '../../api/problem';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { useMay } from '../../app/session';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { ProblemNotice, QueryView } from '../../ui/states';
import { NodeLevels } from './NodeLevels';

type Settings = Schema<'ProtectionSettings'>;
type Switches = Schema<'ProtectionSwitches'>;

const SWITCHES = [
  'k8s_threat_detection',
  'container_escape_prevention',
  'malicious_host_behaviour',
  'website_backdoor',
] as const satisfies readonly (keyof Switches)[];
type SwitchName = (typeof SWITCHES)[number];

/** The switches of container protection, each with what it needs, and the nodes that they reach. */
export function Protection() {
  const { t } = useTranslation();
  const query = useQuery({
    queryKey: ['protection'],
    queryFn: () => take(api.GET('/api/v1/protection-settings')),
  });
  return (
    <Page title={t('nav.protection')} about={t('protection.about')} permission={MAY.writeSettings}>
      <QueryView query={query}>
        {(settings) => (
          <div className="stack">
            <SwitchPanels settings={settings} />
            <NodeLevels settings={settings} />
          </div>
        )}
      </QueryView>
    </Page>
  );
}

function SwitchPanels({ settings }: { settings: Settings }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { message } = App.useApp();
  const may = useMay(MAY.writeSettings);
  const [wished, setWished] = useState<SwitchName | null>(null);
  const change = useMutation({
    mutationFn: (body: Schema<'ProtectionChange'>) =>
      take(
        api.PUT('/api/v1/protection-settings', { params: { header: { 'If-Match': settings.etag } }, body }),
      ),
    onSuccess: (fresh) => {
      client.setQueryData(['protection'], fresh);
      void client.invalidateQueries({ queryKey: ['defence-rules'] });
      message.success(t('protection.saved'));
      setWished(null);
    },
    onError: (error) => {
      if (isStale(error)) void client.invalidateQueries({ queryKey: ['protection'] });
    },
  });
  const toggle = (name: SwitchName, on: boolean) => {
    // What a switch does, and what it leaves undone, is said before it is on.
    if (on && name === 'container_escape_prevention') setWished(name);
    else change.mutate({ switches: { ...settings.switches, [name]: on } });
  };
  return (
    <>
      <ProblemNotice error={wished ? null : change.error} />
      {settings.needs_defence_rule && (
        <Alert
          type="warning"
          showIcon
          title={t('protection.emptyPromise')}
          action={<Link to="/defence-rules">{t('protection.openDefence')}</Link>}
        />
      )}
      <div className="grid-2">
        {SWITCHES.map((name) => (
          <section key={name} className="panel" aria-labelledby={`switch-${name}`}>
            <div className="row-between">
              <h2 id={`switch-${name}`} className="panel-title">
                {t(`protectionSwitch.${name}`)}
              </h2>
              <Switch
                aria-labelledby={`switch-${name}`}
                checked={settings.switches[name]}
                disabled={!may}
                loading={change.isPending}
                onChange={(on) => toggle(name, on)}
              />
            </div>
            <p>{t(`protectionAbout.${name}`)}</p>
            <Prerequisites all={settings.prerequisites.filter((one) => one.switch === name)} />
          </section>
        ))}
      </div>
      {wished && (
        <EscapeDialog
          settings={settings}
          pending={change.isPending}
          error={change.error}
          onCancel={() => {
            change.reset();
            setWished(null);
          }}
          onConfirm={(switches, rule) => change.mutate({ switches, create_offered_rule: rule })}
        />
      )}
    </>
  );
}

function Prerequisites({ all }: { all: Schema<'Prerequisite'>[] }) {
  const { t } = useTranslation();
  return (
    <ul className="bare-list">
      {all.map((one) => (
        <li key={one.needs}>
          {one.met ? (
            <CheckCircleOutlined aria-label={t('protection.met')} />
          ) : (
            <ExclamationCircleOutlined aria-label={t('protection.unmet')} />
          )}{' '}
          {t(`prerequisite.${one.needs as 'host-defence' | 'defence-rule' | 'node-level' | 'audit-source'}`)}{' '}
          <span className="secondary">
            <Hostile wrap>{one.explanation}</Hostile>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Switches escape prevention on together with what it needs. */
function EscapeDialog({
  settings,
  pending,
  error,
  onCancel,
  onConfirm,
}: {
  settings: Settings;
  pending: boolean;
  error: unknown;
  onCancel: () => void;
  onConfirm: (switches: Switches, rule: boolean) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  const { switches } = settings;
  const hasHost = switches.malicious_host_behaviour || switches.website_backdoor;
  const [host, setHost] = useState(switches.malicious_host_behaviour || !hasHost);
  const [backdoor, setBackdoor] = useState(switches.website_backdoor);
  const [rule, setRule] = useState(true);
  const ready = host || backdoor;
  return (
    <Modal
      open
      onCancel={onCancel}
      title={t('protection.escapeTitle')}
      footer={
        <div className="row">
          <Button
            type="primary"
            loading={pending}
            disabled={!ready}
            onClick={() =>
              onConfirm(
                {
                  ...switches,
                  container_escape_prevention: true,
                  malicious_host_behaviour: host,
                  website_backdoor: backdoor,
                },
                rule,
              )
            }
          >
            {t('protection.switchOn')}
          </Button>
          <Button onClick={onCancel}>{t('action.cancel')}</Button>
        </div>
      }
    >
      <div className="stack">
        <ProblemNotice error={error} />
        <fieldset aria-describedby={`${id}-host`} className="stack">
          <legend>{t('protection.hostNeeded')}</legend>
          <Checkbox checked={host} onChange={(event) => setHost(event.target.checked)}>
            {t('protectionSwitch.malicious_host_behaviour')}
          </Checkbox>
          <Checkbox checked={backdoor} onChange={(event) => setBackdoor(event.target.checked)}>
            {t('protectionSwitch.website_backdoor')}
          </Checkbox>
          <span id={`${id}-host`} className="field-hint">
            {t('protection.hostWhy')}
          </span>
        </fieldset>
        <Checkbox checked={rule} onChange={(event) => setRule(event.target.checked)}>
          {t('protection.withRule')}
        </Checkbox>
        <p className="secondary">{rule ? t('protection.withRuleWhy') : t('protection.withoutRule')}</p>
        {rule && (
          <pre tabIndex={0} aria-label={t('protection.offered')}>
            {settings.offered_rule}
          </pre>
        )}
      </div>
    </Modal>
  );
}
