/** Beside the list while no alert is open: what waits, by severity, failure and seam; and, the first time, what this page is. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { narrowed, valueName } from "./filters";
import { seam, severity, sides } from "./marks";
import { unread } from "./page";
import { Poll } from "./poll";
import { choose, prefs } from "./prefs";
import type { Facets, FacetName } from "./wire";
import { number, t } from "./words";

const SHOWN = 7;

@customElement("sw-overview")
export class Overview extends Part {
  private readonly poll = new Poll<Facets>(this, async () => {
    await app.list.settled; // which is what people wait for: both at once, each would wait for the other
    return api.facets("");
  });

  protected override render(): TemplateResult {
    const facets = this.poll.value;
    if (!facets) return this.poll.problem ? unread(this.poll) : html`<div class="overview" aria-busy="true"></div>`;
    return html`<div class="overview">
      ${prefs.introduced ? nothing : this.introduction()}
      <h2>${t("overview.title")}</h2>
      <div class="totals">
        ${(["critical", "warning"] as const).map((level) => html`<a href=${narrowed("severity", level)} class="total ${level}"><b>${number(facets.severity[level] ?? 0)}</b>${severity(level)}</a>`)}
        <a href=${narrowed("assignee", "-")} class="total"><b>${number(facets.assignee["-"] ?? 0)}</b><span>${t("filters.nobodys")}</span></a>
      </div>
      <div class="columns">${this.bars("detector", facets)} ${this.bars("seam", facets)}</div>
    </div>`;
  }

  private bars(name: FacetName, facets: Facets): TemplateResult | typeof nothing {
    const values = Object.entries(facets[name]).sort(([, one], [, other]) => other - one).slice(0, SHOWN);
    const most = values[0]?.[1] ?? 1;
    if (!values.length) return nothing;
    return html`<section>
      <h3>${t(name === "seam" ? "overview.seams" : "overview.detectors")}</h3>
      <ol class="bars">
        ${values.map(([value, count]) => {
          const [from = "", to = ""] = sides(value);
          return html`<li><a href=${narrowed(name, value)}><span class="name">${name === "seam" ? seam({ from, to }) : html`<bdi>${valueName(name, value)}</bdi>`}</span>
            <span class="bar"><i .style=${`inline-size:${(100 * count) / most}%`}></i></span><span class="n">${number(count)}</span></a></li>`;
        })}
      </ol>
    </section>`;
  }

  private introduction(): TemplateResult {
    return html`<section class="introduction">
      <h2>${t("intro.title")}</h2>
      <p>${t("intro.text")}</p>
      <p>${t("intro.keys")}</p>
      <button class="button" @click=${() => { choose({ introduced: true }); this.requestUpdate(); app.changed(); }}>${t("intro.done")}</button>
    </section>`;
  }
}
