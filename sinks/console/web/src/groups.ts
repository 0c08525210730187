/** Alerts put together by customer, seam, failure or rule: how many, how bad, and how recent; each leads to its own. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { api } from "./api";
import { Part, told } from "./app";
import { ago, customer, field, seam, severity, sides } from "./marks";
import { Poll } from "./poll";
import { alertPath } from "./route";
import type { GroupBy } from "./route";
import type { Group } from "./wire";
import { named, number, t } from "./words";

@customElement("sw-groups")
export class GroupsList extends Part {
  @property() by: GroupBy = "customer";
  /** The filters that hold. */
  @property() filters = "";
  private asked = "";
  private readonly poll = new Poll<Group[]>(this, () => this.ask());

  private async ask(): Promise<Group[]> {
    this.asked = `${this.by} ${this.filters}`;
    return (await api.groups(this.by, this.filters)).items;
  }

  protected override willUpdate(): void {
    if (this.asked !== `${this.by} ${this.filters}`) this.poll.anew();
  }

  protected override render(): TemplateResult {
    const { value, problem } = this.poll;
    if (!value && problem) return html`<div class="empty"><h2>${t("alerts.failed")}</h2><p>${told(problem)}</p><button class="button" @click=${() => void this.poll.read()}>${t("again")}</button></div>`;
    if (!value) return html`<div class="waiting" aria-busy="true"></div>`;
    if (!value.length) return html`<div class="empty"><h2>${t(this.filters ? "alerts.none_match" : "alerts.none")}</h2><p>${t(this.filters ? "alerts.none_match_hint" : "alerts.none_hint")}</p></div>`;
    return html`<ul class="groups">${value.map((each) => this.group(each))}</ul>`;
  }

  private group({ name, alerts, nobodys, severity: worst, last_seen }: Group): TemplateResult {
    const query = new URLSearchParams(this.filters);
    if (name !== null) query.set(this.by, name);
    const what = html`<b class="n">${number(alerts)}</b><span class="name">${this.name(name)}</span>${severity(worst)}
      <span class="side">${ago(last_seen)}${nobodys ? html`<span>${t("group.nobodys", { n: nobodys })}</span>` : nothing}</span>`;
    return html`<li>${name === null ? html`<div>${what}</div>` : html`<a href=${alertPath(null, query)}>${what}</a>`}</li>`;
  }

  private name(name: string | null): TemplateResult | typeof nothing {
    if (name === null) return html`${t("group.other")}`;
    if (this.by === "customer") return customer(name);
    if (this.by === "rule") return html`<bdi><code>${name}</code></bdi>`;
    if (this.by === "detector") return html`<bdi>${named("what", name, { field: field(null) })}</bdi>`;
    const [from = "", to = ""] = sides(name);
    return seam({ from, to });
  }
}
