/** For the screen on the wall: what waits and where it hurts, to be read from five metres. */

import { html, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { seam, severity } from "./marks";
import type { Facets, SeamFigures } from "./wire";
import { clock, number, t } from "./words";

const EVERY = 5_000;
const SHOWN = 5;

@customElement("sw-wall")
export class Wall extends Part {
  @state() private facets: Facets | null = null;
  @state() private seams: SeamFigures[] = [];
  private timer = 0;

  constructor() {
    super();
    this.hears(app, "tick");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
    this.timer = window.setInterval(() => void this.read(), EVERY);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  private async read(): Promise<void> {
    const [facets, seams] = await Promise.allSettled([api.facets(""), api.seams()]);
    if (facets.status === "fulfilled") this.facets = facets.value;
    if (seams.status === "fulfilled") this.seams = seams.value.items;
  }

  protected override render(): TemplateResult {
    const { facets } = this;
    return html`<main class="wall" aria-busy=${String(!facets)}>
      <h1 class="hidden">${t("wall.title")}</h1>
      <div class="figures">
        ${(["critical", "warning"] as const).map((level) => html`<p class="figure ${level}"><b>${number(facets?.severity[level] ?? 0)}</b>${severity(level)}</p>`)}
        <p class="figure"><b>${number(facets?.assignee["-"] ?? 0)}</b><span>${t("filters.nobodys")}</span></p>
      </div>
      <section><h2>${t("overview.seams")}</h2>
        <ol>${this.seams.slice(0, SHOWN).map((each) => html`<li class=${each.severity ?? ""}>${seam(each)}<b>${number(each.alerts)}</b></li>`)}</ol>
      </section>
      <p class="foot"><a href="/alerts">${t("wall.leave")}</a><time>${clock(new Date(app.now()))}</time></p>
    </main>`;
  }
}
