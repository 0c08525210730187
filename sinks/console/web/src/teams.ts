/** How consistent teams and channels are: score, what it rests on, and how much of it there is. Never a person. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, Problem } from "./api";
import { app, Part, told } from "./app";
import { narrowed } from "./filters";
import type { ScoreFigures } from "./wire";
import { duration, named, number, t } from "./words";

const SCOPES = ["team", "channel"] as const;
const FEW = 20;

@customElement("sw-teams")
export class Teams extends Part {
  @state() private scores: ScoreFigures[] | null = null;
  @state() private problem: Problem | null = null;
  @state() private scope: (typeof SCOPES)[number] = "team";
  @state() private life = 0;

  constructor() {
    super();
    this.hears(app, "change");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
    app.addEventListener("scores", this.read);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    app.removeEventListener("scores", this.read);
  }

  private readonly read = async (): Promise<void> => {
    try {
      this.scores = (await api.consistency(this.scope)).items;
      this.problem = null;
    } catch (problem) {
      if (problem instanceof Problem) this.problem = problem;
    }
  };

  protected override render(): TemplateResult {
    const lives = [...new Set((this.scores ?? []).map((each) => each.half_life))].sort((one, other) => one - other);
    const life = lives.includes(this.life) ? this.life : lives[0];
    const shown = (this.scores ?? []).filter((each) => each.half_life === life).sort((one, other) => (one.value ?? 101) - (other.value ?? 101));
    return html`<div class="page">
      <header><h1>${t("teams.title")}</h1><p class="lead">${t("teams.lead")}</p>
        <div class="chips">
          ${SCOPES.map((scope) => html`<button class="chip" aria-pressed=${String(scope === this.scope)} @click=${() => { this.scope = scope; this.scores = null; void this.read(); }}>${t(`filter.${scope}`)}</button>`)}
          <span class="space"></span>
          ${lives.map((each) => html`<button class="chip" aria-pressed=${String(each === life)} @click=${() => (this.life = each)}>${t("teams.life", { life: duration(each) })}</button>`)}
        </div></header>
      ${this.problem ? html`<p class="refused">${told(this.problem)}</p>` : nothing}
      ${this.scores && !shown.length ? html`<div class="empty"><h2>${t("teams.none")}</h2><p>${t("teams.none_hint")}</p></div>` : nothing}
      <ol class="scores">${shown.map((each) => this.score(each, 100 - (shown[0]?.value ?? 0)))}</ol>
    </div>`;
  }

  private score(each: ScoreFigures, most: number): TemplateResult {
    const name = this.scope === "channel" ? named("channel", each.name) : each.name;
    const parts = Object.entries(each.components).filter(([part]) => part !== "opportunities").sort(([, one], [, other]) => other - one);
    return html`<li class=${each.samples < FEW ? "few" : ""}>
      <h2><a href=${narrowed(this.scope, each.name)}><bdi>${name}</bdi></a></h2>
      <p class="figure"><b>${each.value === null ? "–" : number(each.value, 1)}</b><small>/ ${number(100)}</small></p>
      <span class="meter" role="img" aria-label=${each.value === null ? t("teams.unknown") : number(each.value, 1)}><i .style=${`inline-size:${(100 * (100 - (each.value ?? 100))) / Math.max(most, 0.1)}%`}></i></span>
      <p class="samples">${t(each.samples < FEW ? "teams.few" : "teams.samples", { n: Math.round(each.samples) })}</p>
      ${parts.length ? html`<details><summary>${t("teams.parts")}</summary><dl>${parts.map(([part, value]) => html`<div><dt>${named("component", part)}</dt><dd>${number(value, 2)}</dd></div>`)}</dl></details>` : nothing}
    </li>`;
  }
}
