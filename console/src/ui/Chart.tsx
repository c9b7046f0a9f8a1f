import { theme } from 'antd';
import { BarChart, GraphChart, type BarSeriesOption, type GraphSeriesOption } from 'echarts/charts';
import {
  AriaComponent,
  GridComponent,
  LegendComponent,
  TooltipComponent,
  type AriaComponentOption,
  type GridComponentOption,
  type LegendComponentOption,
  type TooltipComponentOption,
} from 'echarts/components';
import { init, use as register, type ComposeOption, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';
import { useMedia } from '../app/useMedia';

register([
  BarChart,
  GraphChart,
  GridComponent,
  LegendComponent,
  TooltipComponent,
  AriaComponent,
  CanvasRenderer,
]);

export type ChartOption = ComposeOption<
  | BarSeriesOption
  | GraphSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | TooltipComponentOption
  | AriaComponentOption
>;

/**
 * A chart in the theme's colours. Its tooltips are drawn, not written as HTML: names of attackers stand
 * in them, and the page's policy allows no inline styles. What it shows must also stand beside it as text.
 */
export function Chart({
  option,
  label,
  tall = false,
  onPick,
}: {
  option: ChartOption;
  label: string;
  tall?: boolean;
  /** Called with the name of what was clicked. */
  onPick?: (id: string) => void;
}) {
  const { token } = theme.useToken();
  const still = useMedia('(prefers-reduced-motion: reduce)');
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(null);
  const picked = useRef(onPick);
  useEffect(() => {
    picked.current = onPick;
  });
  useEffect(() => {
    if (!box.current) return;
    const made = init(box.current);
    chart.current = made;
    made.on('click', (event) => {
      const data = event.data as { id?: string } | null;
      if (data?.id) picked.current?.(data.id);
    });
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => {
    chart.current?.setOption(
      {
        animation: !still,
        textStyle: { fontFamily: token.fontFamily, color: token.colorText },
        aria: { enabled: true, decal: { show: true }, label: { description: label } },
        tooltip: {
          renderMode: 'richText',
          backgroundColor: token.colorBgElevated,
          textStyle: { color: token.colorText },
        },
        ...option,
      },
      true,
    );
  }, [option, label, token, still]);
  return <div ref={box} className={tall ? 'chart chart-tall' : 'chart'} role="img" aria-label={label} />;
}
