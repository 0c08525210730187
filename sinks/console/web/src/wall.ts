/** For the screen on the wall: what waits and where it hurts, to be read from five metres. */

import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { seam, severity } from "./marks";
import { Poll } from "./poll";
import type { Facets, SeamFigures } from "./wire";
import { clock, number, t } from "./words";

const EVERY = 5_000;
const SHOWN = 5;

@customElement("sw-wall")
export class Wall extends Part {
  private readonly facets = new Poll<Facets>(this, () => api.facets(""), EVERY);
  private readonly seams = new Poll<SeamFigures[]>(this, async () => (await api.seams()).items, EVERY);

  constructor() {
    super();
    this.hears(app, "tick");
  }

  protected override render(): TemplateResult {
    const facets = this.facets.value;
    const count = (figure: (counted: Facets) => number | undefined) => (facets ? number(figure(facets) ?? 0) : "–");
    return html`<main class="wall" aria-busy=${String(!facets)}>
      <h1 class="hidden">${t("wall.title")}</h1>
      <div class="figures">
        ${(["critical", "warning"] as const).map((level) => html`<p class="figure ${level}"><b>${count(({ severity }) => severity[level])}</b>${severity(level)}</p>`)}
        <p class="figure"><b>${count(({ assignee }) => assignee["-"])}</b><span>${t("filters.nobodys")}</span></p>
      </div>
      <section><h2>${t("overview.seams")}</h2>
        <ol>${(this.seams.value ?? []).slice(0, SHOWN).map((each) => html`<li class=${each.severity ?? ""}>${seam(each)}<b>${number(each.alerts)}</b></li>`)}</ol>
      </section>
      <p class="foot"><a href="/alerts">${t("wall.leave")}</a><time>${clock(new Date(app.now()))}</time></p>
    </main>`;
  }
}
