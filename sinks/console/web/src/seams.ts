/** From team to team: where it hurts, as a stream of hand-offs, as a heat map, and the same as a table. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import type { EChartsType } from "echarts/core";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed } from "./filters";
import { seam, severity } from "./marks";
import { chip, page, table } from "./page";
import { Poll } from "./poll";
import { go, route } from "./route";
import type { SeamFigures } from "./wire";
import { number, t } from "./words";

const KINDS = ["team", "channel"] as const;
const MEASURES = ["alerts", "findings", "harm"] as const;

@customElement("sw-seams")
export class Seams extends Part {
  private readonly poll = new Poll<SeamFigures[]>(this, async () => (await api.seams()).items);
  private readonly charts = new Map<Element, EChartsType>();
  private readonly resized = new ResizeObserver((entries) => entries.forEach(({ target }) => this.charts.get(target)?.resize()));

  constructor() {
    super();
    this.hears(window, "route");
    this.hears(app, "change");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resized.disconnect();
    for (const chart of this.charts.values()) chart.dispose();
    this.charts.clear();
  }

  private get kind(): (typeof KINDS)[number] {
    return KINDS.find((each) => each === route().query.get("kind")) ?? "team";
  }

  private get measure(): (typeof MEASURES)[number] {
    return MEASURES.find((each) => each === route().query.get("by")) ?? "alerts";
  }

  private shown(): SeamFigures[] {
    const { kind, measure } = this;
    const of = (this.poll.value ?? []).filter((each) => each.from.startsWith(`${kind}:`) || each.to.startsWith(`${kind}:`));
    return of.sort((one, other) => other[measure] - one[measure]);
  }

  protected override updated(): void {
    void this.draw();
  }

  private async draw(): Promise<void> {
    if (!this.querySelector(".heat")) return;
    const [{ heat, heatMap }, { flow, flowChart }] = await Promise.all([import("./heat"), import("./sankey")]);
    const [heatPlace, flowPlace] = [this.querySelector<HTMLDivElement>(".heat"), this.querySelector<HTMLDivElement>(".flow")];
    if (!heatPlace || !flowPlace || !this.isConnected) return;
    const width = (each: SeamFigures) => each[this.measure];
    const style = getComputedStyle(this);
    heat(this.chart(heatPlace, heatMap), this.shown(), width, style);
    flow(this.chart(flowPlace, flowChart), this.shown(), width, style);
  }

  private chart(place: HTMLDivElement, make: (place: HTMLDivElement, chosen: (from: string, to: string) => void) => EChartsType): EChartsType {
    let chart = this.charts.get(place);
    if (!chart) {
      chart = make(place, (from, to) => go(narrowed("seam", `${from}>${to}`)));
      this.charts.set(place, chart);
      this.resized.observe(place);
    }
    return chart;
  }

  protected override render(): TemplateResult {
    const { kind, measure } = this;
    const to = (kind_: string, by: string) => () => go(`/seams?kind=${kind_}&by=${by}`);
    return page(
      {
        title: t("seams.title"),
        lead: t("seams.lead"),
        chips: html`${KINDS.map((each) => chip(t(`filter.${each}`), each === kind, to(each, measure)))}<span class="space"></span>
          ${MEASURES.map((each) => chip(t(`seams.by_${each}`), each === measure, to(kind, each)))}`,
        none: { title: t("seams.none"), hint: t("seams.none_hint") },
      },
      this.poll,
      () => {
        const seams = this.shown();
        if (!seams.length) return null;
        const heads = [t("filter.seam"), t("filter.severity"), t("seams.alerts"), t("seams.findings"), t("seams.harm"), t("seams.score")];
        return html`<div class="both charts" aria-hidden="true"><figure><figcaption>${t("seams.flow")}</figcaption><div class="flow" dir="ltr"></div></figure>
            <figure><figcaption>${t("seams.lead_short")}</figcaption><div class="heat" dir="ltr"></div></figure></div>
          ${table(t("seams.title"), heads, [2, 3, 4, 5], seams.map((each) => html`<tr><th scope="row"><a href=${narrowed("seam", `${each.from}>${each.to}`)}>${seam(each)}</a></th>
            <td>${each.severity ? severity(each.severity) : nothing}</td><td class="n">${number(each.alerts)}</td><td class="n">${number(each.findings)}</td>
            <td class="n">${number(each.harm, 1)}</td><td class="n">${each.score === null ? "–" : number(each.score, 1)}</td></tr>`))}`;
      },
    );
  }
}
