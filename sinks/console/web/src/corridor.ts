/** The corridor as a map: places in the order in which customers come to them, and the ways between, drawn by ECharts. */

import { GraphChart } from "echarts/charts";
import { TooltipComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { CorridorMap, Move } from "./wire";
import { named, number, percent, t } from "./words";

use([GraphChart, TooltipComponent, SVGRenderer]);

/** Ways that are drawn: rarer ones are in the table. */
export const DRAWN = 40;
const ROUNDS = 30;
const NARROW = 640;

interface Chosen {
  place?: string;
  move?: Move;
}

/** Make an empty map that tells which place or way was chosen. */
export function corridorMap(host: HTMLDivElement, chosen: (what: Chosen) => void): EChartsType {
  const chart = init(host, null, { renderer: "svg" });
  chart.on("click", ({ data }) => chosen(data as Chosen));
  return chart;
}

/** The channel and the team of a place as people call them; of the empty place, where a journey begins. */
export function placeName(place: string): string {
  const [channel = "", team] = place.split(/\/(.*)/s);
  return place === "" ? t("corridor.begin") : team ? `${team} · ${named("channel", channel)}` : named("channel", channel);
}

/** How far along its journeys a place lies: one step behind where customers come from, by how many do. */
function steps(moves: Move[]): Map<string, number> {
  const places = new Set(moves.flatMap(({ from, to }) => [from, to]));
  let rank = new Map([...places].map((place) => [place, 0]));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Map<string, number>();
    for (const place of places) {
      const coming = moves.filter(({ from, to }) => to === place && from !== place);
      const all = coming.reduce((sum, { count }) => sum + count, 0);
      next.set(place, place === "" || !all ? 0 : Math.min(9, coming.reduce((sum, { from, count }) => sum + count * ((rank.get(from) ?? 0) + 1), 0) / all));
    }
    rank = next;
  }
  return rank;
}

/** Where each place is drawn: in columns by its step, the most visited in the middle; on a narrow screen the columns are rows. */
function positions(moves: Move[], visits: (place: string) => number, width: number, height: number): Map<string, [number, number]> {
  const rank = steps(moves);
  const ordered = [...rank.keys()].sort((one, other) => (rank.get(one) ?? 0) - (rank.get(other) ?? 0));
  const narrow = width < NARROW;
  const deep = narrow ? 3 : Math.max(3, Math.ceil(Math.sqrt(ordered.length)) + 1);
  const columns: string[][] = [];
  let at = -1;
  for (const place of ordered) {
    const column = columns.at(-1);
    if (!column || column.length >= deep || place !== "" && column[0] === "" || (rank.get(place) ?? 0) - at > 0.75) {
      columns.push([place]);
      at = rank.get(place) ?? 0;
    } else column.push(place);
  }
  const found = new Map<string, [number, number]>();
  columns.forEach((column, index) => {
    const sorted = [...column].sort((one, other) => visits(other) - visits(one));
    const middle = sorted.reduce<string[]>((row, place, turn) => (turn % 2 ? [...row, place] : [place, ...row]), []);
    middle.forEach((place, turn) => {
      const along = columns.length > 1 ? index / (columns.length - 1) : 0.5;
      const stagger = narrow ? 0 : ((index % 2) - 0.5) * 0.3;
      const across = (turn + 0.5 + (middle.length > 1 ? stagger : stagger / 2)) / middle.length;
      found.set(place, narrow ? [across * width, along * height] : [along * width, across * height]);
    });
  });
  return found;
}

/** Show the map; lines are as wide as they are often gone, and darker the more goes wrong on them. */
export function draw(chart: EChartsType, { places, moves }: CorridorMap, style: CSSStyleDeclaration, rtl: boolean): void {
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const shown = moves.filter(({ from, to }) => from !== to).slice(0, DRAWN);
  const figures = new Map(places.map((each) => [each.place, each]));
  const visits = (place: string) => figures.get(place)?.visits ?? 0;
  const width = chart.getWidth();
  const height = width < NARROW ? Math.max(520, shown.length * 22) : 560;
  chart.resize({ height });
  const margin = { x: width < NARROW ? 48 : 70, y: width < NARROW ? 60 : 40 };
  const inner = [width - 2 * margin.x, height - 2 * margin.y] as const;
  const spots = positions(shown, visits, ...inner);
  const mostVisits = Math.max(1, ...places.map((each) => each.visits));
  const mostGone = Math.max(1, ...shown.map(({ count }) => count));
  const mostWrong = Math.max(0.02, ...shown.map(({ count, findings }) => Math.min(1, findings / count)));
  const heats = ["--edge", "--heat-1", "--heat-2", "--heat-3"].map(colour);
  const both = new Set(shown.map(({ from, to }) => `${from}>${to}`));
  /** Ways there and back part from each other; all others bend towards the middle, so that none leaves the map. */
  const bend = ({ from, to }: Move) => {
    if (both.has(`${to}>${from}`)) return 0.18;
    const [[x = 0, y = 0] = [], [u = 0, v = 0] = []] = [spots.get(from), spots.get(to)];
    const above = narrowSide(x, y, u, v);
    return above === rtl ? 0.14 : -0.14;
  };
  /** Whether a way runs left of its own direction towards the edge of the map. */
  const narrowSide = (x: number, y: number, u: number, v: number) => {
    const [mx, my] = [(x + u) / 2 - inner[0] / 2, (y + v) / 2 - inner[1] / 2];
    return (v - y) * mx - (u - x) * my > 0;
  };
  const heat = (share: number) => heats[share <= 0 ? 0 : Math.min(3, 1 + Math.floor((2.99 * share) / mostWrong))] ?? "";
  const font = { color: colour("--ink"), fontFamily: style.fontFamily, fontSize: 13, fontWeight: 600 as const };
  const told = ({ data }: { data: Chosen }) => {
    if (data.move) return `${placeName(data.move.from)} → ${placeName(data.move.to)}\n${number(data.move.count)} × · ${t("insights.findings", { n: data.move.findings })}`;
    const place = figures.get(data.place ?? "");
    return place ? `${placeName(place.place)}\n${t("insights.hit", { share: percent(Math.min(1, place.hits / Math.max(1, place.visits)), 1), n: place.visits })}` : t("corridor.begin");
  };
  chart.setOption({
    animation: false,
    tooltip: { renderMode: "richText", formatter: told, textStyle: { fontFamily: style.fontFamily, color: colour("--ink") }, backgroundColor: colour("--surface"), borderColor: colour("--line") },
    series: [
      {
        type: "graph",
        layout: "none",
        left: margin.x, right: margin.x, top: margin.y, bottom: margin.y,
        data: [...spots].map(([place, [x, y]]) => ({
          name: place || " ",
          place,
          x: rtl ? inner[0] - x : x,
          y,
          symbolSize: place ? 14 + 30 * Math.sqrt(visits(place) / mostVisits) : 14,
          symbol: place === "" ? "diamond" : place.includes("/") ? "circle" : "roundRect",
          itemStyle: { color: place ? heat((figures.get(place)?.hits ?? 0) / Math.max(1, visits(place))) : colour("--accent"), borderColor: colour("--surface"), borderWidth: 2 },
          label: { show: true, position: "bottom", distance: 4, ...font, textBorderColor: colour("--ground"), textBorderWidth: 3, width: 120, overflow: "break", formatter: () => placeName(place) },
        })),
        links: shown.map((move) => ({
          source: move.from || " ",
          target: move.to || " ",
          move,
          lineStyle: { width: 1 + 9 * Math.sqrt(move.count / mostGone), color: heat(Math.min(1, move.findings / move.count)), opacity: 0.6, curveness: bend(move) },
        })),
        edgeSymbol: ["none", "arrow"],
        edgeSymbolSize: 8,
        cursor: "pointer",
        emphasis: { focus: "adjacency", lineStyle: { opacity: 0.95 } },
      },
    ],
  }, true);
}
