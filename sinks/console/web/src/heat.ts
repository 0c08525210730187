/** The heat map of seams, drawn by ECharts: rows pass on, columns take over. */

import { HeatmapChart } from "echarts/charts";
import { GridComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { side } from "./marks";
import type { SeamFigures } from "./wire";
import { number, t } from "./words";

use([HeatmapChart, GridComponent, TooltipComponent, VisualMapComponent, SVGRenderer]);

/** Make an empty heat map that tells which seam was chosen. */
export function heatMap(place: HTMLDivElement, chosen: (from: string, to: string) => void): EChartsType {
  const chart = init(place, null, { renderer: "svg" });
  chart.on("click", ({ data }) => {
    const { from, to } = data as { from: string; to: string };
    chosen(from, to);
  });
  return chart;
}

/** Show these seams, each with its `value`. */
export function heat(chart: EChartsType, seams: SeamFigures[], value: (seam: SeamFigures) => number, style: CSSStyleDeclaration): void {
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const names = [...new Set(seams.flatMap((each) => [each.from, each.to]))].sort();
  const most = Math.max(1, ...seams.map(value));
  const axis = {
    type: "category" as const,
    data: names.map(side),
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: true, lineStyle: { color: colour("--line") } },
    axisLabel: { color: colour("--soft"), fontFamily: style.fontFamily, fontSize: 13, interval: 0 },
    nameTextStyle: { color: colour("--soft"), fontFamily: style.fontFamily },
  };
  chart.setOption({
    animation: false,
    grid: { top: 4, left: 4, right: 4, bottom: 4, containLabel: true },
    xAxis: { ...axis, position: "top", name: "", axisLabel: { ...axis.axisLabel, rotate: names.length > 8 ? 35 : 0 } },
    yAxis: { ...axis, inverse: true },
    tooltip: { show: false },
    visualMap: { show: false, min: 0, max: most, inRange: { color: [colour("--heat-0"), colour("--heat-1"), colour("--heat-2"), colour("--heat-3")] } },
    series: [
      {
        type: "heatmap",
        data: seams.map((each) => ({ from: each.from, to: each.to, value: [names.indexOf(each.to), names.indexOf(each.from), value(each)] })),
        itemStyle: { borderColor: colour("--ground"), borderWidth: 3, borderRadius: 4 },
        label: { show: true, formatter: ({ value: cell }: { value: unknown }) => number((cell as number[])[2] ?? 0), fontFamily: style.fontFamily, fontWeight: 700, fontSize: 15 },
        emphasis: { itemStyle: { borderColor: colour("--accent") } },
      },
    ],
    aria: { enabled: false, label: { description: t("seams.title") } },
  });
}
