/** From team to team: where it hurts, as a heat map, and the same as a table. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import type { EChartsType } from "echarts/core";
import { api, Problem } from "./api";
import { app, Part, told } from "./app";
import { narrowed } from "./filters";
import { seam, severity } from "./marks";
import { go } from "./route";
import type { SeamFigures } from "./wire";
import { number, t } from "./words";

const EVERY = 10_000;
const KINDS = ["team", "channel"] as const;

@customElement("sw-seams")
export class Seams extends Part {
  @state() private seams: SeamFigures[] | null = null;
  @state() private problem: Problem | null = null;
  @state() private kind: (typeof KINDS)[number] = "team";
  @query(".heat") private place?: HTMLDivElement;
  private chart: EChartsType | null = null;
  private timer = 0;
  private readonly resized = new ResizeObserver(() => this.chart?.resize());

  constructor() {
    super();
    this.hears(app, "change");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
    this.timer = window.setInterval(() => document.hidden || void this.read(), EVERY);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
    this.resized.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  private async read(): Promise<void> {
    try {
      this.seams = (await api.seams()).items;
      this.problem = null;
      await this.updateComplete;
      await this.draw();
    } catch (problem) {
      if (problem instanceof Problem) this.problem = problem;
      else throw problem;
    }
  }

  private shown(): SeamFigures[] {
    return (this.seams ?? []).filter((each) => each.from.startsWith(`${this.kind}:`) || each.to.startsWith(`${this.kind}:`));
  }

  private async draw(): Promise<void> {
    const seams = this.shown();
    const { heatMap } = await import("./heat");
    if (!this.place || !seams.length) return;
    if (!this.chart) {
      this.chart = heatMap(this.place, (from, to) => go(narrowed("seam", `${from}>${to}`)));
      this.resized.observe(this.place);
    }
    const { heat } = await import("./heat");
    heat(this.chart, seams, getComputedStyle(this));
  }

  protected override render(): TemplateResult {
    const seams = this.shown();
    return html`<div class="page">
      <header><h1>${t("seams.title")}</h1><p class="lead">${t("seams.lead")}</p>
        <div class="chips">${KINDS.map((kind) => html`<button class="chip" aria-pressed=${String(kind === this.kind)} @click=${() => { this.kind = kind; void this.updateComplete.then(() => this.draw()); }}>${t(`filter.${kind}`)}</button>`)}</div></header>
      ${this.problem ? html`<p class="refused">${told(this.problem)}</p>` : nothing}
      ${this.seams && !seams.length ? html`<div class="empty"><h2>${t("seams.none")}</h2><p>${t("seams.none_hint")}</p></div>` : nothing}
      <div class="both"><div class="heat" dir="ltr" aria-hidden="true" ?hidden=${!seams.length}></div>
      ${seams.length
        ? html`<table><caption class="hidden">${t("seams.title")}</caption>
            <thead><tr><th scope="col">${t("filter.seam")}</th><th scope="col">${t("filter.severity")}</th><th scope="col" class="n">${t("seams.alerts")}</th><th scope="col" class="n">${t("seams.findings")}</th><th scope="col" class="n">${t("seams.score")}</th></tr></thead>
            <tbody>${seams.map((each) => html`<tr><th scope="row"><a href=${narrowed("seam", `${each.from}>${each.to}`)}>${seam(each)}</a></th>
              <td>${each.severity ? severity(each.severity) : nothing}</td><td class="n">${number(each.alerts)}</td><td class="n">${number(each.findings)}</td><td class="n">${each.score === null ? "–" : number(each.score, 1)}</td></tr>`)}</tbody></table>`
        : nothing}</div>
    </div>`;
  }
}
