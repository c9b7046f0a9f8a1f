import { theme } from 'antd';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schema } from '../../api/types';
import { Chart, type ChartOption } from '../../ui/Chart';
import { bound, takeApart } from '../../ui/hostile';

export type NodeKind = 'machine' | 'container' | 'process' | 'file' | 'peer' | 'account';
type EdgeKind = 'contains' | 'started' | 'wrote' | 'executed' | 'connected' | 'requested';

/** Shapes besides colours, so that nobody has to tell colours apart. */
const SYMBOL: Record<NodeKind, string> = {
  machine: 'rect',
  container: 'roundRect',
  process: 'circle',
  file: 'diamond',
  peer: 'triangle',
  account: 'pin',
};

/** Longest label in the picture, in UTF-16 units. */
const LABEL_LENGTH_MAX = 36;

/** What took part in an incident, as a picture. */
export function IncidentGraph({ graph, onPick }: { graph: Schema<'Graph'>; onPick: (id: string) => void }) {
  const { t } = useTranslation();
  const { token } = theme.useToken();
  const option = useMemo<ChartOption>(() => {
    const color = (node: Schema<'GraphNode'>) =>
      node.alerts.length > 0 ? token.colorError : token.colorPrimary;
    return {
      series: [
        {
          type: 'graph',
          layout: 'force',
          roam: true,
          force: { repulsion: 260, edgeLength: 110, layoutAnimation: false },
          edgeSymbol: ['none', 'arrow'],
          label: { show: true, position: 'bottom', color: token.colorText },
          edgeLabel: {
            show: graph.edges.length <= 40,
            color: token.colorTextSecondary,
            fontSize: 10,
            formatter: (edge) => t(`graphEdge.${(edge.data as { kind: EdgeKind }).kind}`),
          },
          lineStyle: { color: token.colorTextTertiary },
          data: graph.nodes.map((node) => ({
            id: node.id,
            name: visible(node.label),
            symbol: SYMBOL[node.kind as NodeKind],
            symbolSize: node.alerts.length > 0 ? 28 : 20,
            itemStyle: { color: color(node) },
          })),
          edges: graph.edges.map((edge) => ({ source: edge.from, target: edge.to, kind: edge.kind })),
        },
      ],
    };
  }, [graph, token, t]);
  return (
    <Chart
      tall
      option={option}
      label={t('incidents.graphLabel', { nodes: graph.nodes.length, edges: graph.edges.length })}
      onPick={onPick}
    />
  );
}

/** A label for a canvas, where hidden characters would act as they do in a page. */
function visible(label: string): string {
  const { text, cut } = bound(label, LABEL_LENGTH_MAX);
  return takeApart(text)
    .map((part) => ('mark' in part ? `⟨${part.mark}⟩` : part.text))
    .join('')
    .concat(cut > 0 ? '…' : '');
}
