/** The journeys of one customer. Whom one looks for stands neither in the address nor in the history of the browser. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, Problem } from "./api";
import { app, Part, told } from "./app";
import "./way";
import { sentence, severity } from "./marks";
import { prefs } from "./prefs";
import { alertPath } from "./route";
import { storyOf } from "./story";
import type { Journey, Node } from "./wire";
import { moment, t } from "./words";

@customElement("sw-journeys")
export class Journeys extends Part {
  @state() private found: Journey[] | null = null;
  @state() private problem: Problem | null = null;
  @state() private busy = false;

  private sought = "";

  override connectedCallback(): void {
    super.connectedCallback();
    this.sought = app.sought ?? "";
    app.sought = null;
    if (this.sought) void this.seek(this.sought);
  }

  private readonly look = (event: SubmitEvent): void => {
    event.preventDefault();
    const customer = String(new FormData(event.target as HTMLFormElement).get("customer")).trim();
    if (customer) void this.seek(customer);
  };

  private async seek(customer: string): Promise<void> {
    this.busy = true;
    try {
      this.found = (await api.journeys(customer, prefs.language)).items;
      this.problem = null;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.problem = problem;
      this.found = null;
    } finally {
      this.busy = false;
    }
  }

  protected override render(): TemplateResult {
    const { found, problem } = this;
    return html`<div class="page" aria-busy=${String(this.busy)}>
      <header><h1>${t("journeys.title")}</h1><p class="lead">${t("journeys.lead")}</p></header>
      <form class="look" role="search" @submit=${this.look}><label for="customer">${t("journeys.customer")}</label>
        <input id="customer" name="customer" value=${this.sought} type="search" required maxlength="512" autocomplete="off" spellcheck="false" dir="auto">
        <button class="button primary" ?disabled=${this.busy}>${t("journeys.look")}</button></form>
      <div role="status">${problem ? html`<p class="refused">${told(problem)}</p>` : nothing}
        ${found ? html`<p class="hidden">${t("journeys.found", { n: found.length })}</p>` : nothing}
        ${found && !found.length ? html`<div class="empty"><h2>${t("journeys.none")}</h2><p>${t("journeys.none_hint")}</p></div>` : nothing}</div>
      ${(found ?? []).map((each, index) => this.journey(each, index === 0))}
      ${found || problem || this.busy ? nothing : html`<sw-way></sw-way>`}
    </div>`;
  }

  private journey({ journey, first, last, findings, story, alerts }: Journey, open: boolean): TemplateResult {
    return html`<details class="journey" ?open=${open}>
      <summary><h2>${journey ? html`<bdi>${journey}</bdi>` : t("journeys.unnamed")}</h2>
        <span><time datetime=${first}>${moment(first)}</time> – <time datetime=${last}>${moment(last)}</time></span>
        <span>${t("journeys.findings", { n: findings.length })}</span></summary>
      <div class="both"><section class="story">${storyOf(story)}</section>
        <section class="findings"><ul>${findings.map((node) => this.finding(node, alerts))}</ul></section></div>
    </details>`;
  }

  private finding({ finding, words, explains }: Node, alerts: string[]): TemplateResult {
    const what = sentence(words.language, words.what);
    return html`<li class=${finding.withdrawn ? "withdrawn" : ""}><p class="found">${severity(finding.severity)} <time datetime=${finding.time}>${moment(finding.time)}</time>
        ${alerts.includes(finding.alert) ? html`<a class="said" href=${alertPath(finding.alert, new URLSearchParams())}>${what}</a>` : html`<span class="said">${what}</span>`}
        ${finding.withdrawn ? html`<em>${t("alert.withdrawn")}</em>` : nothing}</p>
      ${explains.length ? html`<details><summary>${t("alert.explains", { n: explains.length })}</summary><ul>${explains.map((each) => this.finding(each, alerts))}</ul></details>` : nothing}</li>`;
  }
}
