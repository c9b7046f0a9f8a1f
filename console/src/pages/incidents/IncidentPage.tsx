import { useQuery } from '@tanstack/react-query';
import { Button, Tabs } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { api, take } from '../../api/client';
import type { Schema } from '../../api/types';
import { SeverityBadge, StatusBadge } from '../../ui/badges';
import { Facts } from '../../ui/Facts';
import type { PartKind } from '../../ui/Graph';
import { Hostile } from '../../ui/Hostile';
import { Page } from '../../ui/Page';
import { QueryView } from '../../ui/states';
import { Time } from '../../ui/Time';
import { titleOf } from '../alerts/title';
import { IncidentGraph } from './IncidentGraph';

type Detail = Schema<'IncidentDetail'>;

/** One attack story: what took part, and what happened in order. */
export function IncidentPage() {
  const { id = '' } = useParams();
  const query = useQuery({
    queryKey: ['incident', id],
    queryFn: () => take(api.GET('/api/v1/incidents/{id}', { params: { path: { id } } })),
  });
  return <QueryView query={query}>{(incident) => <View incident={incident} />}</QueryView>;
}

function View({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { summary } = incident;
  return (
    <Page
      title={titleOf(summary)}
      actions={<Button onClick={() => void navigate('/incidents')}>{t('action.back')}</Button>}
    >
      <div className="row block-gap">
        <SeverityBadge severity={summary.severity} />
        <span>{t('incidents.openOf', { open: summary.open, all: summary.alerts })}</span>
        <span className="secondary">
          <Time at={summary.first_time} /> – <Time at={summary.last_time} />
        </span>
      </div>
      <Tabs
        items={[
          { key: 'graph', label: t('incidents.graph'), children: <GraphPane incident={incident} /> },
          { key: 'timeline', label: t('incidents.timeline'), children: <Timeline incident={incident} /> },
          { key: 'alerts', label: t('incidents.alerts'), children: <AlertList incident={incident} /> },
        ]}
      />
    </Page>
  );
}

function GraphPane({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  const [picked, setPicked] = useState<string | null>(null);
  const { graph } = incident;
  const node = graph.nodes.find((one) => one.id === picked);
  return (
    <div className="grid-2">
      <div className="panel">
        <IncidentGraph graph={graph} onPick={setPicked} />
        {graph.truncated && <p className="secondary">{t('incidents.truncated')}</p>}
      </div>
      <div className="panel">
        {/* The same as text: for the keyboard, for screen readers, and to copy from. */}
        <h2>{node ? <Hostile wrap>{node.label}</Hostile> : t('incidents.parts')}</h2>
        {node && (
          <>
            <Facts facts={[[t('assets.kind'), t(`graphNode.${node.kind as PartKind}`)]]} />
            <ul className="plain-list">
              {node.facts.map((fact, index) => (
                <li key={index}>
                  <Hostile wrap>{fact}</Hostile>
                </li>
              ))}
              {node.alerts.map((alert) => (
                <li key={alert}>
                  <Link to={`/alerts/${alert}`}>{t('incidents.itsAlert')}</Link>
                </li>
              ))}
            </ul>
            <Button onClick={() => setPicked(null)}>{t('incidents.parts')}</Button>
          </>
        )}
        {!node && (
          <ul className="bare-list graph-list">
            {graph.nodes.map((one) => (
              <li key={one.id}>
                <Button type="link" size="small" onClick={() => setPicked(one.id)}>
                  {t(`graphNode.${one.kind as PartKind}`)}: <Hostile max={80}>{one.label}</Hostile>
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function Timeline({ incident }: { incident: Detail }) {
  const { t } = useTranslation();
  return (
    <ol className="timeline panel">
      {incident.timeline.map((entry, index) => (
        <li key={index}>
          <Time at={entry.time} />
          <div>
            <span className="badge">
              {t(`timelineKind.${entry.kind as 'alert' | 'process' | 'file' | 'network' | 'audit'}`)}
            </span>{' '}
            <Hostile wrap>{entry.text}</Hostile>{' '}
            {entry.alert && <Link to={`/alerts/${entry.alert}`}>{t('incidents.itsAlert')}</Link>}
          </div>
        </li>
      ))}
    </ol>
  );
}

function AlertList({ incident }: { incident: Detail }) {
  return (
    <ol className="timeline panel">
      {incident.alerts.map((alert) => (
        <li key={alert.id}>
          <Time at={alert.first_time} />
          <div className="row">
            <SeverityBadge severity={alert.severity} />
            <StatusBadge status={alert.status} />
            <Link to={`/alerts/${alert.id}`}>
              <Hostile wrap>{titleOf(alert)}</Hostile>
            </Link>
          </div>
        </li>
      ))}
    </ol>
  );
}
