/** What customers bring and how pleased they are, as four bubbles, and who needs someone today. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { ago, customer, field } from "./marks";
import { page, table } from "./page";
import { Poll } from "./poll";
import { alertPath, go } from "./route";
import type { Needing, NeedingToday, Portfolio, Quadrant } from "./wire";
import { money, named, number, percent, t } from "./words";

/** Where quadrants lie: high revenue above, high satisfaction at the end of the line. */
const PLACES = ["at_risk", "model", "dangling", "growth"] as const;

@customElement("sw-portfolio")
export class PortfolioPage extends Part {
  private readonly poll = new Poll<[Portfolio, NeedingToday]>(this, () => Promise.all([api.portfolio(), api.needing()]), 60_000);

  constructor() {
    super();
    this.hears(app, "change");
  }

  protected override render(): TemplateResult {
    return page(
      { title: t("portfolio.title"), lead: t("portfolio.lead"), none: { title: t("portfolio.none"), hint: t("portfolio.none_hint") } },
      this.poll,
      ([figures, needing]) => {
        const known = figures.quadrants.some((each) => each.customers) || needing.items.length || Object.keys(figures.unplaced).length;
        return known ? html`<div class="both">${this.standing(figures)}${this.needing(needing)}</div>` : null;
      },
    );
  }

  private standing({ currency, revenue, satisfaction, quadrants, unplaced }: Portfolio): TemplateResult {
    const most = Math.max(1, ...quadrants.map((each) => each.forecast));
    const placed = PLACES.map((name) => quadrants.find((each) => each.quadrant === name)).filter((each) => each !== undefined);
    return html`<section>
      <h2>${t("portfolio.standing")}</h2>
      <div class="plane"><p class="up"><span>${t("portfolio.billed")}</span></p><div class="quadrants">${placed.map((each) => this.quadrant(each, currency, most))}</div>
        <p class="across">${t("portfolio.satisfaction")}</p></div>
      <p class="samples">${t("portfolio.high", { revenue: money(revenue, currency), share: percent(satisfaction) })}</p>
      ${Object.entries(unplaced).map(([reason, n]) => html`<p class="samples">${t("portfolio.unplaced", { n, why: named("unplaced", reason) })}</p>`)}
    </section>`;
  }

  private quadrant({ quadrant, customers, billed, forecast, unforecast, satisfaction }: Quadrant, currency: string | null, most: number): TemplateResult {
    const line = (words: string, value: string) => html`<div><dt>${words}</dt><dd>${value}</dd></div>`;
    return html`<article class="quadrant ${quadrant}">${forecast > 0 ? html`<i class="bubble" aria-hidden="true" .style=${`--share:${Math.sqrt(forecast / most).toFixed(3)}`}></i>` : nothing}
      <h3>${t(`standing.${quadrant}`)}</h3><p>${t("portfolio.customers", { n: customers })}</p>
      ${customers
        ? html`<dl>${line(t("portfolio.billed"), money(billed, currency))}
            ${line(t("portfolio.forecast"), unforecast === customers ? "–" : money(forecast, currency))}
            ${satisfaction === null ? nothing : line(t("portfolio.satisfaction"), percent(satisfaction))}</dl>`
        : nothing}</article>`;
  }

  private needing({ currency, items, unvalued }: NeedingToday): TemplateResult {
    const heads = [t("filter.customer"), t("portfolio.stake"), t("portfolio.satisfaction"), t("portfolio.hurts"), t("portfolio.since")];
    return html`<section>
      <h2>${t("portfolio.today")}</h2>
      ${items.length ? table(t("portfolio.today"), heads, [1, 2], items.map((each) => this.person(each, currency))) : html`<p class="lead">${t("portfolio.nobody")}</p>`}
      ${unvalued ? html`<p class="samples">${t("portfolio.unvalued", { n: unvalued })}</p>` : nothing}
    </section>`;
  }

  private person({ customer: name, quadrant, stake, satisfaction, moved, alerts, since }: Needing, currency: string | null): TemplateResult {
    const seek = () => {
      app.sought = name;
      go("/journeys");
    };
    const led = (detector: string) => alertPath(null, new URLSearchParams({ customer: name, detector }));
    return html`<tr><th scope="row">${customer(name)}<small>${quadrant ? t(`standing.${quadrant}`) : nothing}${moved ? html` · ${t("portfolio.moved")}` : nothing}</small></th>
      <td class="n">${money(stake, currency)}</td><td class="n">${satisfaction === null ? "–" : percent(satisfaction)}</td>
      <td><p class="parts">${Object.entries(alerts).map(([detector, count]) => html`<a href=${led(detector)}><bdi>${named("what", detector, { field: field(null) })}</bdi> <span class="n">${number(count)}</span></a>`)}
        ${Object.keys(alerts).length ? nothing : t("portfolio.pays_well")}</p>
        <button class="plain" aria-label=${t("portfolio.journeys_of", { name })} @click=${seek}>${t("journeys.title")}</button></td>
      <td>${since ? ago(since) : "–"}</td></tr>`;
  }
}
