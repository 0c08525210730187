/** Where it hurts most: seams, silos, fields and failures of a period, ranked by harm, beside the period before; snarls, and the two faces of teams. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed } from "./filters";
import { field, seam } from "./marks";
import { chip, page, table } from "./page";
import { Poll } from "./poll";
import { prefs } from "./prefs";
import { alertPath, go, route } from "./route";
import type { Face, Faces, Insight, Insights, Snarls } from "./wire";
import { duration, named, number, percent, t } from "./words";

const BY = ["silos", "seams", "fields", "detectors", "snarls", "teams"] as const;
const DAYS = [7, 30, 90] as const;
const SHOWN = 30;
const EVERY = 30_000;
type By = (typeof BY)[number];
type Read = { by: "snarls"; read: Snarls } | { by: "teams"; read: Faces } | { by: "ranks"; read: Insights };

@customElement("sw-insights")
export class InsightsPage extends Part {
  private asked = "";
  private readonly poll = new Poll<Read>(this, () => this.ask(), EVERY);

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

  private async ask(): Promise<Read> {
    const { by, days } = this;
    if (by === "snarls") return { by, read: await api.snarls(days) };
    if (by === "teams") return { by, read: await api.faces(days) };
    return { by: "ranks", read: await api.insights(by, days) };
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
        lead: t(by === "snarls" ? "insights.snarls_lead" : by === "teams" ? "insights.teams_lead" : "insights.lead"),
        chips: html`${BY.map((each) => chip(t(`insights.${each}`), each === by, to(each, days)))}<span class="space"></span>
          ${DAYS.map((each) => chip(t("insights.days", { n: each }), each === days, to(by, each)))}
          ${app.capabilities.pages["report"] ? html`<a class="chip" target="_blank" href=${reportPath(days)}>${t("insights.report", { n: days })}</a>` : nothing}`,
        none: by === "teams" ? { title: t("insights.teams_none"), hint: t("insights.visits_hint") } : { title: t("insights.none"), hint: t("insights.none_hint") },
      },
      this.poll,
      (shown) => {
        if (shown.by === "snarls") return this.snarls(shown.read);
        const { items } = shown.read;
        if (!items.length) return null;
        return shown.by === "teams" ? this.faces(shown.read) : html`<ol class="ranks">${shown.read.items.slice(0, SHOWN).map((each) => this.rank(each, shown.read.items[0]?.harm ?? 1))}</ol>`;
      },
    );
  }

  private snarls({ items, skipped }: Snarls): TemplateResult {
    const most = Math.max(0.01, ...items.map((each) => each.rate));
    const rows = items.slice(0, SHOWN).map((each) => {
      const [channel = "", team] = each.place.split(/\/(.*)/s);
      const led = (detector: string) => alertPath(null, new URLSearchParams(team ? { team, detector } : { channel, detector }));
      return html`<li>
        <h2><bdi>${named("channel", channel)}</bdi>${team ? html` · <bdi>${team}</bdi>` : nothing}</h2>
        <span class="meter" aria-hidden="true"><i .style=${`inline-size:${(100 * each.rate) / most}%`}></i></span>
        <p class="figures"><b>${t("insights.hit", { share: percent(each.rate, 1), n: each.visits })}</b> <span>${t("insights.interval", { low: percent(each.low, 1), high: percent(each.high, 1) })}</span>
          <span>${t("insights.elsewhere", { share: percent(each.elsewhere, 1) })}</span></p>
        <p class="parts">${Object.entries(each.detectors).slice(0, 3).map(([name, count]) => html`<a href=${led(name)}><bdi>${named("what", name, { field: field(null) })}</bdi> <span class="n">${number(count)}</span></a>`)}</p>
      </li>`;
    });
    return html`${rows.length ? html`<ol class="ranks">${rows}</ol>` : html`<div class="empty"><h2>${t("insights.snarls_none")}</h2><p>${t("insights.visits_hint")}</p></div>`}
      ${Object.entries(skipped).map(([reason, n]) => html`<p class="samples">${t("insights.skipped", { n, why: named("skipped", reason) })}</p>`)}`;
  }

  private faces({ items }: Faces): TemplateResult {
    const face = ({ score, visits }: Face) => html`<td class="n">${score === null ? "–" : number(score, 1)}</td><td class="n">${number(visits)}</td>`;
    const heads = [t("filter.team"), t("insights.sales"), t("insights.visits"), t("insights.service"), t("insights.visits"), t("insights.lag")];
    return table(t("insights.teams"), heads, [1, 2, 3, 4, 5], items.map((each) => html`<tr><th scope="row"><a href=${narrowed("team", each.team)}><bdi>${each.team}</bdi></a></th>
      ${face(each.sales)}${face(each.service)}<td class="n">${each.lag === null ? "–" : number(each.lag, 1)}</td></tr>`));
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
      default:
        return html`<bdi>${named("silo", name)}</bdi>`;
    }
  }

  private seam(name: string): TemplateResult | typeof nothing {
    const [from = "", to = ""] = name.split(">");
    return seam({ from, to });
  }
}

/** The report of so many days, today's included. */
function reportPath(days: number): string {
  const day = (back: number) => new Date(app.now() - back * 86_400_000).toISOString().slice(0, 10);
  return `/api/report?${new URLSearchParams({ from: day(days - 1), to: day(0), lang: prefs.language })}`;
}
