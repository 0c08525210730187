/** How well teams, channels, brands and partners do: each score, what it rests on, how much of it there is, and how it went. Never a person. */

import { html, nothing, svg, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed } from "./filters";
import { field } from "./marks";
import { chip, page } from "./page";
import { Poll } from "./poll";
import { alertPath, go, route } from "./route";
import type { ScoreFigures, ScoreHistory } from "./wire";
import { duration, named, number, t } from "./words";

const SCOPES = ["team", "channel", "brand", "tenant", "partner"] as const;
type Scope = (typeof SCOPES)[number];
/** The three Cs under their headline, the laws, and the rest. */
const CS = ["consistency", "emotional", "communication"] as const;
const GROUPS = { cs: ["three_cs", ...CS], laws: ["purpose", "difference", "value"], rest: ["handoff", "expectation", "fusion"] } as const;
const SCORES = ["consistency", "three_cs", "emotional", "communication", ...GROUPS.laws, ...GROUPS.rest] as const;
type ScoreName = (typeof SCORES)[number];
const FEW = 20;
const DAYS = 7;
const DAY = 86_400_000;

/** What a score can be of, the first one unless chosen. */
function scopesOf(score: ScoreName): readonly Scope[] {
  if (score === "fusion") return ["brand", "tenant", "partner"];
  return score === "handoff" ? ["team", "tenant"] : ["team", "channel", "brand", "tenant"];
}

interface Read {
  /** Of all teams together, by score; empty where there are several tenants. */
  whole: Map<string, ScoreFigures>;
  /** The Cs of what is shown, where its headline is, by entity. */
  cs: Map<string, ScoreFigures[]>;
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

  private get asks(): [ScoreName, Scope] {
    const score = this.chosen("score", SCORES);
    return [score, this.chosen("scope", scopesOf(score))];
  }

  private async ask(): Promise<Read> {
    const [score, scope] = this.asks;
    const [{ items }, all, ...parts] = await Promise.all([
      api.scores(scope, score), api.scores("tenant"), ...(score === "three_cs" ? CS : []).map((each) => api.scores(scope, each)),
    ]);
    const lives = [...new Set(items.map((each) => each.half_life))].sort((one, other) => one - other);
    const life = lives.find((each) => String(each) === route().query.get("life")) ?? lives[0];
    const history = life === undefined || !(await app.offers("history")) ? [] : await api.history(score, scope, life, DAYS);
    const scores = items.filter((each) => each.half_life === life).sort((one, other) => (one.value ?? 101) - (other.value ?? 101));
    const whole = all.items.filter((each) => each.half_life === life);
    const single = new Set(whole.map(({ tenant }) => tenant)).size === 1;
    const cs = new Map<string, ScoreFigures[]>();
    for (const each of parts.flatMap((part) => part.items)) {
      const name = `${each.tenant} ${each.name}`;
      if (each.half_life === life) cs.set(name, [...(cs.get(name) ?? []), each]);
    }
    return { scores, lives, life, cs, whole: new Map(single ? whole.map((each) => [each.score, each]) : []), history: new Map(history.map(({ tenant, name, points }) => [`${tenant} ${name}`, points])) };
  }

  protected override willUpdate(): void {
    const asked = route().query.toString();
    if (asked !== this.asked && this.hasUpdated) this.poll.anew();
    this.asked = asked;
  }

  protected override render(): TemplateResult {
    const [[score, scope], read] = [this.asks, this.poll.value];
    const to = (choice: Record<string, string>) => () => go(`/teams?${new URLSearchParams({ score, scope, ...(read?.life ? { life: String(read.life) } : {}), ...choice })}`);
    return page(
      {
        title: t("teams.title"),
        lead: t(`teams.${score}_lead`),
        chips: html`<div class="gauges">${Object.entries(GROUPS).map(([group, scores]) => html`<div role="group" aria-label=${named("teams", group)}><span class="samples" aria-hidden="true">${named("teams", group)}</span>
            ${scores.map((each) => this.gauge(each, each === score, read?.whole.get(each), to({ score: each })))}</div>`)}</div>
          ${scopesOf(score).map((each) => chip(t(`scope.${each}`), each === scope, to({ scope: each })))}<span class="space"></span>
          ${(read?.lives ?? []).map((each) => chip(t("teams.life", { life: duration(each) }), each === read?.life, to({ life: String(each) })))}`,
        none: { title: t("teams.none"), hint: t("teams.none_hint") },
      },
      this.poll,
      ({ scores, history, cs }) => {
        const most = 100 - (scores[0]?.value ?? 0);
        return scores.length ? html`<ol class="scores">${scores.map((each) => this.score(each, most, history.get(`${each.tenant} ${each.name}`) ?? [], cs.get(`${each.tenant} ${each.name}`) ?? [], scope))}</ol>` : null;
      },
    );
  }

  /** A score to choose, with what it is of all together. */
  private gauge(score: ScoreName, chosen: boolean, whole: ScoreFigures | undefined, choose: () => void): TemplateResult {
    const value = whole?.value ?? null;
    return html`<button class="gauge ${score}" aria-pressed=${String(chosen)} @click=${choose}><span>${t(`teams.${score}`)}</span> <b>${value === null ? "–" : number(value, 1)}</b>
      ${value === null || !whole ? nothing : html` <small>${t(whole.samples < FEW ? "teams.few" : "teams.samples", { n: Math.round(whole.samples) })}</small>`}</button>`;
  }

  private score(each: ScoreFigures, most: number, points: ScoreHistory["points"], cs: ScoreFigures[], scope: Scope): TemplateResult {
    const parts = Object.entries(each.components).filter(([part, value]) => part !== "opportunities" && (value || part === "harm")).sort(([, one], [, other]) => other - one);
    const behind = scope === "brand" || scope === "partner" ? [] : each.detectors;
    const led = (detector: string) => alertPath(null, new URLSearchParams(scope === "tenant" ? { detector } : { [scope]: each.name, detector }));
    return html`<li class=${each.samples < FEW ? "few" : ""}>
      <h2>${scope === "team" || scope === "channel" ? html`<a href=${narrowed(scope, each.name)}>${this.name(each, scope)}</a>` : this.name(each, scope)}</h2>
      <p class="figure"><b>${each.value === null ? "–" : number(each.value, 1)}</b><small>/ ${number(100)}</small></p>
      <span class="meter" role="img" aria-label=${each.value === null ? t("teams.unknown") : number(each.value, 1)}><i .style=${`inline-size:${(100 * (100 - (each.value ?? 100))) / Math.max(most, 0.1)}%`}></i></span>
      ${this.spark(points, each.value)}
      <p class="samples">${t(each.samples < FEW ? "teams.few" : "teams.samples", { n: Math.round(each.samples) })}</p>
      ${each.left_out.length ? html`<p class="samples">${t("teams.left_out", { parts: each.left_out.map((part) => named("component", part)).join(", ") })}</p>` : nothing}
      ${cs.length ? html`<dl>${cs.map((one) => html`<div><dt>${named("teams", one.score)}</dt><dd>${one.value === null ? "–" : number(one.value, 1)}</dd></div>`)}</dl>` : nothing}
      ${parts.length ? html`<details><summary>${t("teams.parts")}</summary><dl>${parts.map(([part, value]) => html`<div><dt>${named("component", part)}</dt><dd>${number(value, 2)}</dd></div>`)}</dl>
        ${behind.length ? html`<p class="parts">${t("teams.behind")} ${behind.map((detector) => html`<a href=${led(detector)}><bdi>${named("what", detector, { field: field(null) })}</bdi></a>`)}</p>` : nothing}</details>` : nothing}
    </li>`;
  }

  private name({ name }: ScoreFigures, scope: Scope): TemplateResult {
    if (scope === "channel") return html`<bdi>${named("channel", name)}</bdi>`;
    const [partner, brand] = name.split(/>(.*)/s);
    return scope === "partner" && brand ? html`<bdi>${partner}</bdi> · <bdi>${brand}</bdi>` : html`<bdi>${name}</bdi>`;
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
