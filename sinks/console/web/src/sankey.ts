/** Hand-offs as a stream from whoever passes on (left) to whoever takes over (right), drawn by ECharts. */

import { SankeyChart } from "echarts/charts";
import { type EChartsType, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { side } from "./marks";
import type { SeamFigures } from "./wire";

use([SankeyChart, SVGRenderer]);

/** Streams that are drawn: thinner ones are in the table. */
const MOST = 40;

/** Make an empty chart that tells which seam was chosen. */
export function flowChart(place: HTMLDivElement, chosen: (from: string, to: string) => void): EChartsType {
  const chart = init(place, null, { renderer: "svg" });
  chart.on("click", ({ data }) => {
    const { from, to } = data as { from?: string; to?: string };
    if (from && to) chosen(from, to);
  });
  return chart;
}

/** Show these seams, each as wide as `width` says. A team stands on both sides: who passes on is also passed to. */
export function flow(chart: EChartsType, seams: SeamFigures[], width: (seam: SeamFigures) => number, style: CSSStyleDeclaration): void {
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const shown = seams.filter((each) => width(each) > 0).sort((one, other) => width(other) - width(one)).slice(0, MOST);
  const nodes = (at: "from" | "to") => [...new Set(shown.map((each) => each[at]))].map((name) => ({ name: `${at} ${name}`, label: { position: at === "from" ? ("right" as const) : ("left" as const) } }));
  const names = Math.max(nodes("from").length, nodes("to").length);
  chart.resize({ height: Math.max(380, names * 44) });
  chart.setOption({
    animation: false,
    series: [
      {
        type: "sankey",
        left: 0, right: 0, top: 6, bottom: 6,
        nodeWidth: 8,
        nodeGap: 14,
        draggable: false,
        data: [...nodes("from"), ...nodes("to")],
        links: shown.map((each) => ({ source: `from ${each.from}`, target: `to ${each.to}`, value: width(each), from: each.from, to: each.to })),
        itemStyle: { color: colour("--accent"), borderWidth: 0 },
        lineStyle: { color: colour("--heat-2"), opacity: 0.45, curveness: 0.5 },
        emphasis: { focus: "none", lineStyle: { opacity: 0.8 } },
        label: { color: colour("--ink"), fontFamily: style.fontFamily, fontSize: 13, fontWeight: 600, formatter: ({ name }: { name: string }) => side(name.replace(/^(from|to) /, "")) },
      },
    ],
  });
}
