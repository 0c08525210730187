/** What was promised to customers: what is overdue, what is due soon, what has time, and what became of the rest. */

import { html, nothing, svg, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { customer } from "./marks";
import { chip, page } from "./page";
import { Poll } from "./poll";
import { alertPath, go, route } from "./route";
import type { Promised, PromiseState, Promises as Found } from "./wire";
import { duration, moment, named, number, since, t } from "./words";

const OPEN = ["overdue", "approaching", "pending"] as const;
const ENDED = ["kept", "cancelled"] as const;
const SHAPES: Record<PromiseState, TemplateResult> = {
  overdue: svg`<path class="fill" d="M5.3 1h5.4L15 5.3v5.4L10.7 15H5.3L1 10.7V5.3z"/><path class="cut" d="M8 4v5M8 11.6v.2"/>`,
  approaching: svg`<path class="fill" d="M8 1.2 15.4 14.4H.6z"/><path class="cut" d="M8 6v4M8 12.2v.2"/>`,
  pending: svg`<circle class="ring" cx="8" cy="8" r="6.2"/><path class="stroke" d="M8 4.4V8l2.4 1.6"/>`,
  kept: svg`<path class="stroke" d="M2.5 8.5 6.5 12.5 13.5 4"/>`,
  cancelled: svg`<path class="stroke" d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5"/>`,
};
const COLOURS: Record<PromiseState, string> = { overdue: "critical", approaching: "warning", pending: "info", kept: "info", cancelled: "info" };

@customElement("sw-promises")
export class PromisesPage extends Part {
  private asked = "";
  private readonly poll = new Poll<Found[]>(this, () => this.ask());

  constructor() {
    super();
    this.hears(window, "route");
    this.hears(app, "tick");
  }

  private get state(): PromiseState | null {
    return [...OPEN, ...ENDED].find((each) => each === route().query.get("state")) ?? null;
  }

  private get team(): string | null {
    return route().query.get("team");
  }

  /** Of all that are open, what is overdue by itself: the latest first, and no number of old ones hides what is due next. */
  private ask(): Promise<Found[]> {
    const { state, team } = this;
    const wanted = state ? [[state]] : [["overdue"], ["approaching", "pending"]];
    return Promise.all(wanted.map((states) => api.promises(states, team)));
  }

  protected override willUpdate(): void {
    const asked = `${this.state} ${this.team}`;
    if (this.asked && asked !== this.asked) this.poll.anew();
    this.asked = asked;
  }

  protected override render(): TemplateResult {
    const { state, team } = this;
    const counts = this.poll.value?.[0]?.counts;
    const to = (state_: PromiseState | null, team_: string | null) => () =>
      go(`/promises?${new URLSearchParams({ ...(state_ ? { state: state_ } : {}), ...(team_ === null ? {} : { team: team_ }) })}`);
    const choice = (each: PromiseState) => chip(html`${t(`promise.${each}`)} <span class="n">${counts ? number(counts[each]) : ""}</span>`, each === state, to(each, team));
    return page(
      {
        title: t("promises.title"),
        lead: t("promises.lead"),
        chips: html`${chip(t("promises.open"), state === null, to(null, team))}${OPEN.map(choice)}<span class="space"></span>${ENDED.map(choice)}
          ${team === null ? nothing : html`<button class="chip on" @click=${to(state, null)}><bdi>${t("filter.team")}: ${team}</bdi><span class="x" aria-hidden="true">×</span><span class="hidden">${t("filters.drop")}</span></button>`}`,
        none: { title: t(state ? "promises.none_like" : "promises.none"), hint: t("promises.none_hint") },
      },
      this.poll,
      (found) => {
        const items = found.flatMap((each) => each.items);
        if (!items.length) return null;
        return html`${[...OPEN, ...ENDED].map((each) => this.section(each, items.filter((item) => item.state === each), found[0]?.counts[each] ?? 0))}`;
      },
    );
  }

  private section(state: PromiseState, items: Promised[], all: number): TemplateResult | typeof nothing {
    if (!items.length) return nothing;
    return html`<section class="promised">
      <h2>${t(`promise.${state}`)} <span class="n">${number(all)}</span></h2>
      <ol>${items.map((item) => this.promise(item))}</ol>
      ${all > items.length ? html`<p class="samples">${t("promises.more", { n: all - items.length })}</p>` : nothing}
    </section>`;
  }

  private promise(item: Promised): TemplateResult {
    const { state, about, due, made, team, channel, alert, customer: whose } = item;
    const seek = () => {
      app.sought = whose;
      go("/journeys");
    };
    const byTeam = new URLSearchParams({ ...(this.state ? { state: this.state } : {}), team: team ?? "" });
    return html`<li class=${state}>
      <span class="severity ${COLOURS[state]}"><svg viewBox="0 0 16 16" aria-hidden="true">${SHAPES[state]}</svg></span>
      <div><h3>${about ? html`<bdi>${about}</bdi>` : t("promises.something")}</h3>
        <p class="parts"><button class="plain" aria-label=${t("portfolio.journeys_of", { name: whose })} @click=${seek}>${customer(whose)}</button>
          ${team ? html`<a href="/promises?${byTeam}"><bdi>${team}</bdi></a>` : html`<span>${t("team.unknown")}</span>`}
          ${channel ? html`<span>${named("channel", channel)}</span>` : nothing}
          <span>${t("promises.made")} <time datetime=${made}>${moment(made)}</time></span></p></div>
      <p class="due"><b>${this.when(item)}</b><time datetime=${due}>${t("promises.due", { time: moment(due) })}</time></p>
      ${alert ? html`<a class="button" href=${alertPath(alert, new URLSearchParams())}>${t("alert.title")}</a>` : nothing}</li>`;
  }

  private when({ state, due, ended }: Promised): string {
    if (ended) return t(state === "cancelled" ? "promises.cancelled" : ended > due ? "promises.kept_late" : "promises.kept", { time: moment(ended) });
    const left = -since(due, app.now());
    return left < 0 ? t("promises.over", { age: duration(-left) }) : t("promises.left", { age: duration(left) });
  }
}
