/** How well teams and channels do: score, what it rests on, how much of it there is, and how it went. Never a person. */

import { html, nothing, svg, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed } from "./filters";
import { chip, page } from "./page";
import { Poll } from "./poll";
import { go, route } from "./route";
import type { ScoreFigures, ScoreHistory } from "./wire";
import { duration, named, number, t } from "./words";

const SCOPES = ["team", "channel"] as const;
const SCORES = ["consistency", "handoff"] as const;
const FEW = 20;
const DAYS = 7;
const DAY = 86_400_000;

interface Read {
  scores: ScoreFigures[];
  history: Map<string, ScoreHistory["points"]>;
  life: number | undefined;
  lives: number[];
}

@customElement("sw-teams")
export class Teams extends Part {
  private asked = "";
  private readonly poll = new Poll<Read>(this, () => this.ask(), 60_000);

  constructor() {
    super();
    this.hears(window, "route");
    this.hears(app, "change");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    app.addEventListener("scores", this.poll.read);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    app.removeEventListener("scores", this.poll.read);
  }

  private chosen<T extends string>(name: string, among: readonly T[]): T {
    return among.find((each) => each === route().query.get(name)) ?? (among[0] as T);
  }

  private async ask(): Promise<Read> {
    const [score, scope] = [this.chosen("score", SCORES), this.chosen("scope", SCOPES)];
    const { items } = await api.scores(score, scope);
    const lives = [...new Set(items.map((each) => each.half_life))].sort((one, other) => one - other);
    const life = lives.find((each) => String(each) === route().query.get("life")) ?? lives[0];
    const history = life === undefined || !(await app.offers("history")) ? [] : await api.history(score, scope, life, DAYS);
    const scores = items.filter((each) => each.half_life === life).sort((one, other) => (one.value ?? 101) - (other.value ?? 101));
    return { scores, lives, life, history: new Map(history.map(({ tenant, name, points }) => [`${tenant} ${name}`, points])) };
  }

  protected override willUpdate(): void {
    const asked = route().query.toString();
    if (asked !== this.asked && this.hasUpdated) this.poll.anew();
    this.asked = asked;
  }

  protected override render(): TemplateResult {
    const [score, scope, read] = [this.chosen("score", SCORES), this.chosen("scope", SCOPES), this.poll.value];
    const to = (choice: Record<string, string>) => () => go(`/teams?${new URLSearchParams({ score, scope, ...(read?.life ? { life: String(read.life) } : {}), ...choice })}`);
    return page(
      {
        title: t("teams.title"),
        lead: t(score === "handoff" ? "teams.handoff_lead" : "teams.lead"),
        chips: html`${SCOPES.map((each) => chip(t(`filter.${each}`), each === scope, to({ scope: each })))}<span class="space"></span>
          ${SCORES.map((each) => chip(t(`teams.${each}`), each === score, to({ score: each })))}<span class="space"></span>
          ${(read?.lives ?? []).map((each) => chip(t("teams.life", { life: duration(each) }), each === read?.life, to({ life: String(each) })))}`,
        none: { title: t("teams.none"), hint: t("teams.none_hint") },
      },
      this.poll,
      ({ scores, history }) => {
        const most = 100 - (scores[0]?.value ?? 0);
        return scores.length ? html`<ol class="scores">${scores.map((each) => this.score(each, most, history.get(`${each.tenant} ${each.name}`) ?? [], scope))}</ol>` : null;
      },
    );
  }

  private score(each: ScoreFigures, most: number, points: ScoreHistory["points"], scope: (typeof SCOPES)[number]): TemplateResult {
    const name = scope === "channel" ? named("channel", each.name) : each.name;
    const parts = Object.entries(each.components).filter(([part]) => part !== "opportunities").sort(([, one], [, other]) => other - one);
    return html`<li class=${each.samples < FEW ? "few" : ""}>
      <h2><a href=${narrowed(scope, each.name)}><bdi>${name}</bdi></a></h2>
      <p class="figure"><b>${each.value === null ? "–" : number(each.value, 1)}</b><small>/ ${number(100)}</small></p>
      <span class="meter" role="img" aria-label=${each.value === null ? t("teams.unknown") : number(each.value, 1)}><i .style=${`inline-size:${(100 * (100 - (each.value ?? 100))) / Math.max(most, 0.1)}%`}></i></span>
      ${this.spark(points, each.value)}
      <p class="samples">${t(each.samples < FEW ? "teams.few" : "teams.samples", { n: Math.round(each.samples) })}</p>
      ${parts.length ? html`<details><summary>${t("teams.parts")}</summary><dl>${parts.map(([part, value]) => html`<div><dt>${named("component", part)}</dt><dd>${number(value, 2)}</dd></div>`)}</dl></details>` : nothing}
    </li>`;
  }

  /** Draw how a score went up to now; nothing where less than two moments are known. */
  private spark(points: ScoreHistory["points"], now: number | null): TemplateResult | typeof nothing {
    const begin = app.now() - DAYS * DAY;
    const line = points.map(({ hour, value }) => [new Date(hour).getTime(), value] as const);
    if (now !== null) line.push([app.now(), now]);
    const [first, last] = [line[0], line.at(-1)];
    if (line.length < 2 || !first || !last) return nothing;
    const values = line.map(([, value]) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const drawn = line.map(([time, value]) => `${(100 * (time - begin)) / (DAYS * DAY)},${26 - (24 * (value - low)) / Math.max(high - low, 1)}`).join(" ");
    return html`<svg class="spark" viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label=${t("teams.history", { n: DAYS, from: number(first[1], 1), to: number(last[1], 1) })}>${svg`<polyline points=${drawn}/>`}</svg>`;
  }
}
