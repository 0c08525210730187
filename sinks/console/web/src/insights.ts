/** Where it hurts most: seams, silos, fields and failures of a period, ranked by harm, beside the period before. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed } from "./filters";
import { field, seam } from "./marks";
import { chip, page } from "./page";
import { Poll } from "./poll";
import { go, route } from "./route";
import type { Insight, Insights } from "./wire";
import { duration, named, number, percent, t } from "./words";

const BY = ["silos", "seams", "fields", "detectors"] as const;
const DAYS = [7, 30, 90] as const;
const SHOWN = 30;
const EVERY = 30_000;
type By = (typeof BY)[number];

@customElement("sw-insights")
export class InsightsPage extends Part {
  private asked = "";
  private readonly poll = new Poll<Insights>(this, () => api.insights(this.by, this.days), EVERY);

  constructor() {
    super();
    this.hears(window, "route");
    this.hears(app, "change");
  }

  private get by(): By {
    return BY.find((each) => each === route().query.get("by")) ?? BY[0];
  }

  private get days(): number {
    return DAYS.find((each) => String(each) === route().query.get("days")) ?? 30;
  }

  protected override willUpdate(): void {
    const asked = `${this.by} ${this.days}`;
    if (this.asked && asked !== this.asked) this.poll.anew();
    this.asked = asked;
  }

  protected override render(): TemplateResult {
    const { by, days } = this;
    const to = (by_: By, days_: number) => () => go(`/insights?by=${by_}&days=${days_}`);
    return page(
      {
        title: t("insights.title"),
        lead: t("insights.lead"),
        chips: html`${BY.map((each) => chip(t(`insights.${each}`), each === by, to(each, days)))}<span class="space"></span>
          ${DAYS.map((each) => chip(t("insights.days", { n: each }), each === days, to(by, each)))}`,
        none: { title: t("insights.none"), hint: t("insights.none_hint") },
      },
      this.poll,
      ({ items }) => (items.length ? html`<ol class="ranks">${items.slice(0, SHOWN).map((each) => this.rank(each, items[0]?.harm ?? 1))}</ol>` : null),
    );
  }

  private rank(each: Insight, most: number): TemplateResult {
    const parts = Object.entries(this.by === "fields" ? each.seams : each.detectors).slice(0, 3);
    const change = each.before ? (each.findings - each.before) / each.before : null;
    return html`<li>
      <h2>${this.name(each.name)}</h2>
      <span class="meter" aria-hidden="true"><i .style=${`inline-size:${(100 * each.harm) / Math.max(most, 0.01)}%`}></i></span>
      <p class="figures"><b>${t("insights.harm", { harm: number(each.harm, 1) })}</b> <span>${t("insights.findings", { n: each.findings })}</span>
        ${each.critical ? html`<span>${t("insights.critical", { n: each.critical })}</span>` : nothing}
        <span>${change === null ? t("insights.new") : change === 0 ? t("insights.same") : t(change > 0 ? "insights.more" : "insights.less", { share: percent(Math.abs(change)) })}</span>
        ${each.minutes === null ? nothing : html`<span>${t("insights.time", { time: duration(each.minutes * 60) })}</span>`}
        ${each.cost === null ? nothing : html`<span>${t("insights.cost", { cost: number(each.cost) })}</span>`}</p>
      ${parts.length && this.by !== "detectors"
        ? html`<p class="parts">${parts.map(([name, count]) => html`<a href=${narrowed(this.by === "fields" ? "seam" : "detector", name)}>${this.by === "fields" ? this.seam(name) : named("what", name, { field: field(null) })} <span class="n">${number(count)}</span></a>`)}</p>`
        : nothing}
    </li>`;
  }

  private name(name: string): TemplateResult {
    switch (this.by) {
      case "seams":
        return html`<a href=${narrowed("seam", name)}>${this.seam(name)}</a>`;
      case "detectors":
        return html`<a href=${narrowed("detector", name)}><bdi>${named("what", name, { field: field(null) })}</bdi></a>`;
      case "fields":
        return html`<bdi>${field(name)}</bdi>`;
      case "silos":
        return html`<bdi>${named("silo", name)}</bdi>`;
    }
  }

  private seam(name: string): TemplateResult | typeof nothing {
    const [from = "", to = ""] = name.split(">");
    return seam({ from, to });
  }
}
