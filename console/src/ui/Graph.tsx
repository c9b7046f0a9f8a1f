import { theme } from 'antd';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Chart, type ChartOption } from './Chart';
import { bound, takeApart } from './hostile';

export type PartKind = 'machine' | 'container' | 'process' | 'file' | 'peer' | 'account';

/** Something in a picture. */
export interface GraphPart {
  id: string;
  label: string;
  kind: PartKind;
  /** Drawn larger and in the colour of alerts. */
  marked: boolean;
  /** Where it stands, in any unit; where one part has no place the picture finds places for all. */
  place: { x: number; y: number } | null;
}

/** What leads from one part to another. */
export interface GraphLink {
  from: string;
  to: string;
  /** May be empty. */
  label: string;
}

/** Shapes besides colours, so that nobody has to tell colours apart: as ECharts calls them, and as paths of 16 by 16. */
const SHAPES: Record<PartKind, [symbol: string, path: string]> = {
  machine: ['rect', 'M2 2h12v12H2z'],
  container: ['roundRect', 'M5 2h6a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3z'],
  process: ['circle', 'M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2z'],
  file: ['diamond', 'M8 1l7 7-7 7-7-7z'],
  peer: ['triangle', 'M8 2l7 12H1z'],
  account: ['pin', 'M8 15S2 9.5 2 6a6 6 0 0 1 12 0c0 3.500-6 9-6 9z'],
};
const KINDS = Object.keys(SHAPES) as PartKind[];

/** Longest labels in the picture, in UTF-16 units: where parts have room around them, and where they stand in a row. */
const LABEL_LENGTH_MAX = 36;
const LABEL_IN_ROW_MAX = 20;
/** Links with labels at most: those of more can't be read. */
const LABELLED_MAX = 40;

/** Parts and what leads from one to another, as a picture with a legend. The same must stand beside it as text. */
export function Graph({
  parts,
  links,
  label,
  mark,
  tall = false,
  onPick,
}: {
  parts: GraphPart[];
  links: GraphLink[];
  label: string;
  /** What the mark of parts means. */
  mark: string;
  tall?: boolean;
  onPick: (id: string) => void;
}) {
  const { t } = useTranslation();
  const { token } = theme.useToken();
  const option = useMemo<ChartOption>(() => {
    const inRow = parts.every(({ place }) => place !== null);
    const leaving = new Set(links.map(({ from }) => from));
    const layout = inRow
      ? { layout: 'none' as const, left: 70, right: 230, top: 30, bottom: 50 }
      : {
          layout: 'force' as const,
          force: { repulsion: 260, edgeLength: 110, layoutAnimation: false },
        };
    return {
      series: [
        {
          type: 'graph',
          ...layout,
          roam: true,
          edgeSymbol: ['none', 'arrow'],
          label: { show: true, color: token.colorText },
          edgeLabel: {
            show: links.length <= LABELLED_MAX,
            color: token.colorTextSecondary,
            fontSize: 10,
            formatter: (edge) => (edge.data as { act: string }).act,
          },
          lineStyle: { color: token.colorTextTertiary },
          data: parts.map((part) => ({
            id: part.id,
            // Where a row ends there is room beside it.
            label: { position: inRow && !leaving.has(part.id) ? 'right' : 'bottom' },
            name: visible(part.label, inRow && leaving.has(part.id) ? LABEL_IN_ROW_MAX : LABEL_LENGTH_MAX),
            symbol: SHAPES[part.kind][0],
            symbolSize: part.marked ? 28 : 20,
            itemStyle: { color: part.marked ? token.colorError : token.colorPrimary },
            ...part.place,
          })),
          edges: links.map(({ from, to, label }) => ({ source: from, target: to, act: label })),
        },
      ],
    };
  }, [parts, links, token]);
  const kinds = KINDS.filter((kind) => parts.some((part) => part.kind === kind));
  return (
    <>
      <Chart tall={tall} option={option} label={label} onPick={onPick} />
      <ul className="graph-legend secondary">
        {kinds.map((kind) => (
          <li key={kind}>
            <svg viewBox="0 0 16 16" aria-hidden>
              <path d={SHAPES[kind][1]} />
            </svg>{' '}
            {t(`graphNode.${kind}`)}
          </li>
        ))}
        {parts.some(({ marked }) => marked) && <li>{mark}</li>}
      </ul>
    </>
  );
}

/** A label for a canvas, where hidden characters would act as they do in a page. */
function visible(label: string, lengthMax: number): string {
  const { text, cut } = bound(label, lengthMax);
  return takeApart(text)
    .map((part) => ('mark' in part ? `⟨${part.mark}⟩` : part.text))
    .join('')
    .concat(cut > 0 ? '…' : '');
}
