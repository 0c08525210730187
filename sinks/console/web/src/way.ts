/** The ways of all customers, beside the journeys of one: the map, and the same as a table. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import type { EChartsType } from "echarts/core";
import { api } from "./api";
import { Part, told } from "./app";
import { DRAWN, corridorMap, draw, placeName } from "./corridor";
import { chip, table } from "./page";
import { Poll } from "./poll";
import { alertPath, go, route } from "./route";
import type { CorridorMap, Move } from "./wire";
import { number, t } from "./words";

const DAYS = [7, 30, 90] as const;
const EVERY = 30_000;
const LISTED = 30;

@customElement("sw-way")
export class Way extends Part {
  private readonly poll = new Poll<CorridorMap>(this, () => api.corridor(this.days), EVERY);
  private asked = 0;
  private chart: EChartsType | null = null;
  private readonly resized = new ResizeObserver(() => {
    this.chart?.resize();
    this.redraw();
  });

  constructor() {
    super();
    this.hears(window, "route");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resized.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  private get days(): number {
    return DAYS.find((each) => String(each) === route().query.get("days")) ?? 30;
  }

  protected override willUpdate(): void {
    if (this.asked && this.asked !== this.days) this.poll.anew();
    this.asked = this.days;
  }

  protected override updated(): void {
    const host = this.querySelector<HTMLDivElement>(".corridor");
    if (host !== this.chart?.getDom()) {
      this.chart?.dispose();
      this.resized.disconnect();
      this.chart = host && corridorMap(host, ({ place, move }) => (move ? go(wayPath(move)) : place ? go(placePath(place)) : undefined));
      if (host) this.resized.observe(host);
    }
    this.redraw();
  }

  private redraw(): void {
    const { chart } = this;
    const { value } = this.poll;
    if (!chart || !value) return;
    draw(chart, value, getComputedStyle(this), document.documentElement.dir === "rtl");
  }

  protected override render(): TemplateResult {
    const { value, problem } = this.poll;
    return html`<section>
      <h2>${t("corridor.title")}</h2>
      <p class="lead">${t("corridor.lead")}</p>
      <div class="chips">${DAYS.map((each) => chip(t("insights.days", { n: each }), each === this.days, () => go(`/journeys?days=${each}`)))}</div>
      ${problem ? html`<p class="refused">${told(problem)}</p>` : nothing}
      ${value ? (value.moves.length ? this.map(value) : html`<div class="empty"><h2>${t("corridor.none")}</h2><p>${t("insights.visits_hint")}</p></div>`) : nothing}
    </section>`;
  }

  private map({ moves, late }: CorridorMap): TemplateResult {
    const ways = moves.filter(({ from, to }) => from !== to);
    const heads = [t("corridor.from"), t("corridor.to"), t("corridor.count"), t("corridor.findings")];
    return html`<div class="corridor" dir="ltr" aria-hidden="true"></div>
      ${ways.length > DRAWN ? html`<p class="samples">${t("corridor.rare", { n: ways.length - DRAWN })}</p>` : nothing}
      ${late ? html`<p class="samples">${t("corridor.late", { n: late })}</p>` : nothing}
      ${table(t("corridor.title"), heads, [2, 3], moves.slice(0, LISTED).map((each) => html`<tr><th scope="row"><bdi>${placeName(each.from)}</bdi></th>
        <td><a href=${placePath(each.to)}><bdi>${placeName(each.to)}</bdi></a></td><td class="n">${number(each.count)}</td>
        <td class="n">${each.findings ? html`<a href=${wayPath(each)}>${number(each.findings)}</a>` : number(0)}</td></tr>`))}`;
  }
}

/** The alerts of a place. */
function placePath(place: string): string {
  const [channel = "", team] = place.split(/\/(.*)/s);
  return alertPath(null, new URLSearchParams(team ? { team } : { channel }));
}

/** The alerts of a way: those at the seam of the two teams or channels, as its findings are counted. */
function wayPath({ from, to }: Move): string {
  const [[one = "", sender], [other = "", receiver]] = [from.split(/\/(.*)/s), to.split(/\/(.*)/s)];
  if (!from) return placePath(to);
  const seam = sender && receiver && sender !== receiver ? `team:${sender}>team:${receiver}` : `channel:${one}>channel:${other}`;
  return alertPath(null, new URLSearchParams({ seam }));
}
