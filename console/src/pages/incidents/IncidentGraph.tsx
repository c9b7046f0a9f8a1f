import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Graph, type GraphLink, type GraphPart, type PartKind } from '../../ui/Graph';

type EdgeKind = 'contains' | 'started' | 'wrote' | 'executed' | 'connected' | 'requested';

/** What took part in an incident, as a picture. */
export function IncidentGraph({ graph, onPick }: { graph: Schema<'Graph'>; onPick: (id: string) => void }) {
  const { t } = useTranslation();
  const parts = useMemo<GraphPart[]>(
    () =>
      graph.nodes.map(({ id, label, kind, alerts }) => ({
        id,
        label,
        kind: kind as PartKind,
        marked: alerts.length > 0,
        place: null,
      })),
    [graph],
  );
  const links = useMemo<GraphLink[]>(
    () => graph.edges.map(({ from, to, kind }) => ({ from, to, label: t(`graphEdge.${kind as EdgeKind}`) })),
    [graph, t],
  );
  return (
    <Graph
      tall
      parts={parts}
      links={links}
      label={t('incidents.graphLabel', { nodes: parts.length, edges: links.length })}
      mark={t('graphMark.alert')}
      onPick={onPick}
    />
  );
}
