import { Alert, Button, Tabs } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useNavigate, useParams } from 'react-router';
import type { Schema } from '../../api/types';
import { MAY } from '../../app/permissions';
import { ActionBadge, SeverityBadge, StatusBadge } from '../../ui/badges';
import { Facts } from '../../ui/Facts';
import { Hostile } from '../../ui/Hostile';
import { useKeys } from '../../ui/keys';
import { MayButton } from '../../ui/MayButton';
import { Page } from '../../ui/Page';
import { QueryView } from '../../ui/states';
import { Time } from '../../ui/Time';
import { AllowDrawer } from './AllowDrawer';
import { Condition } from './Condition';
import { Evidence } from './Evidence';
import { HandleDrawer } from './HandleDrawer';
import { Comments, History } from './History';
import { ProcessTree } from './ProcessTree';
import { useAlert } from './queries';
import { titleOf } from './title';
import { WhitelistDrawer } from '../whitelist/WhitelistDrawer';

type Open = 'handle' | 'kind' | 'whitelist' | 'allow' | null;

/** One alert, whole: what happened, why it is a finding, and what can be done. */
export function AlertPage() {
  const { id = '' } = useParams();
  const query = useAlert(id);
  return <QueryView query={query}>{(alert) => <AlertView alert={alert} />}</QueryView>;
}

function AlertView({ alert }: { alert: Schema<'AlertDetail'> }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const location = useLocation();
  const [open, setOpen] = useState<Open>(null);
  const { summary, document } = alert;
  const search = (location.state as { search?: string } | null)?.search;
  useKeys({ e: () => setOpen('handle') });
  const close = () => setOpen(null);
  return (
    <Page
      title={titleOf(summary)}
      permission={MAY.handleAlerts}
      actions={
        <>
          <Button onClick={() => void navigate(`/alerts${search ? `?${search}` : ''}`)}>
            {t('action.back')}
          </Button>
          <MayButton permission={MAY.handleAlerts} type="primary" onClick={() => setOpen('handle')}>
            {t('alert.handle')}
          </MayButton>
          <MayButton permission={MAY.handleAlerts} onClick={() => setOpen('kind')}>
            {t('alert.allOfKind')}
          </MayButton>
          <MayButton permission={MAY.writeWhitelist} onClick={() => setOpen('whitelist')}>
            {t('alert.whitelist')}
          </MayButton>
          {document.drift && (
            <MayButton permission={MAY.writePolicies} onClick={() => setOpen('allow')}>
              {t('alert.allow')}
            </MayButton>
          )}
        </>
      }
    >
      <div className="row block-gap">
        <SeverityBadge severity={summary.severity} />
        <StatusBadge status={summary.status} />
        <ActionBadge action={summary.action} />
        <span className="badge">{t(`category.${summary.category}`)}</span>
      </div>
      <div className="grid-2 block-gap">
        <section className="panel" aria-labelledby="alert-what">
          <h2 id="alert-what">{t('alert.what')}</h2>
          <p>
            <Hostile wrap>{document.explanation ?? ''}</Hostile>
          </p>
          <h3>{t('alert.remedy')}</h3>
          <p>
            <Hostile wrap>{document.remedy ?? ''}</Hostile>
          </p>
          <Techniques techniques={document.techniques ?? []} />
        </section>
        <Where alert={alert} />
      </div>
      {document.gaps && document.gaps.length > 0 && (
        <Alert
          className="block-gap"
          type="info"
          showIcon
          title={t('alert.gaps')}
          description={document.gaps.map((gap, index) => (
            <div key={index}>
              <Hostile wrap>{gap}</Hostile>
            </div>
          ))}
        />
      )}
      <Tabs
        items={[
          {
            key: 'process',
            label: t('alert.process'),
            children: <ProcessTree document={document} />,
          },
          {
            key: 'why',
            label: t('alert.why'),
            children: <Condition detection={document.detection ?? null} policy={document.policy ?? null} />,
          },
          { key: 'evidence', label: t('alert.evidence'), children: <Evidence document={document} /> },
          { key: 'history', label: t('alert.history'), children: <History id={summary.id} /> },
          {
            key: 'comments',
            label: t('alert.comments', { count: alert.comments }),
            children: <Comments id={summary.id} />,
          },
        ]}
      />
      {(open === 'handle' || open === 'kind') && (
        <HandleDrawer
          selection={open === 'kind' ? { same_kind_as: summary.id } : { ids: [summary.id] }}
          verbs={
            open === 'kind'
              ? ['start-handling', 'mark-handled', 'ignore', 'mark-false-positive']
              : alert.verbs
          }
          initial={alert.verbs[0] ?? 'mark-handled'}
          onClose={close}
          onDone={close}
        />
      )}
      {open === 'whitelist' && <WhitelistDrawer alert={summary.id} onClose={close} />}
      {open === 'allow' && <AllowDrawer alert={summary.id} onClose={close} />}
    </Page>
  );
}

function Techniques({ techniques }: { techniques: string[] }) {
  const { t } = useTranslation();
  if (techniques.length === 0) return null;
  return (
    <>
      <h3>{t('alert.techniques')}</h3>
      <div className="row">
        {techniques.map((technique) => (
          <span key={technique} className="badge">
            <Hostile max={40}>{technique}</Hostile>
          </span>
        ))}
      </div>
    </>
  );
}

function Where({ alert }: { alert: Schema<'AlertDetail'> }) {
  const { t } = useTranslation();
  const { summary, document } = alert;
  const to = (field: string, value: string) =>
    value && (
      <Link to={`/alerts?${new URLSearchParams({ [field]: value }).toString()}`}>
        <Hostile wrap>{value}</Hostile>
      </Link>
    );
  const labels = Object.entries(document.pod?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return (
    <section className="panel" aria-labelledby="alert-where">
      <h2 id="alert-where">{t('alert.where')}</h2>
      <Facts
        facts={[
          [t('alert.firstTime'), <Time key="first" at={summary.first_time} />],
          [t('alert.lastTime'), <Time key="last" at={summary.last_time} />],
          [t('alert.count'), summary.count.toLocaleString()],
          [t('filterField.rule'), to('rule', summary.rule)],
          [t('filterField.key'), to('key', summary.key)],
          [t('filterField.cluster'), to('cluster', summary.cluster)],
          [t('filterField.node'), to('node', summary.node)],
          [t('filterField.namespace'), to('namespace', summary.namespace)],
          [t('filterField.pod'), to('pod', summary.pod)],
          [t('alert.labels'), labels.join(', ')],
          [t('filterField.container'), to('container', summary.container)],
          [t('alert.containerId'), document.container?.id ?? ''],
          [t('filterField.image'), to('image', summary.image)],
          [t('alert.imageDigest'), document.container?.image_digest ?? ''],
          [t('alert.privileged'), document.container?.privileged ? t('alert.yes') : ''],
          [
            t('alert.cloud'),
            document.cloud ? [document.cloud.provider, document.cloud.account].join(' ') : '',
          ],
          [
            t('filterField.incident'),
            summary.incident && (
              <Link to={`/incidents/${summary.incident}`}>
                <Hostile>{summary.incident}</Hostile>
              </Link>
            ),
          ],
        ]}
      />
    </section>
  );
}
