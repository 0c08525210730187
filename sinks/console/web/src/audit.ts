/** Who did what, the newest first. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api, Problem } from "./api";
import { app, Part, told } from "./app";
import { page, table } from "./page";
import { Poll } from "./poll";
import { alertPath } from "./route";
import type { AuditPage, AuditRow } from "./wire";
import { moment, named, t } from "./words";

const KEY = /^[0-9a-f]{32,}$/;

@customElement("sw-audit")
export class Audit extends Part {
  @state() private older: AuditRow[] = [];
  private next: number | null | undefined;
  private readonly poll = new Poll<AuditPage>(this, () => api.audit());

  protected override render(): TemplateResult {
    return page({ title: t("audit.title"), lead: t("audit.lead"), none: { title: t("audit.none"), hint: t("audit.none_hint") } }, this.poll, (first) => {
      const seen = new Set(first.items.map(({ id }) => id));
      const rows = [...first.items, ...this.older.filter(({ id }) => !seen.has(id))];
      const next = this.next === undefined ? first.next : this.next;
      return rows.length
        ? html`${table(t("audit.title"), [t("audit.time"), t("audit.who"), t("audit.act"), t("audit.target"), t("audit.address")], [], rows.map((each) => this.row(each)))}
            ${next === null ? nothing : html`<p><button class="button" @click=${() => void this.more(next)}>${t("audit.more")}</button></p>`}`
        : null;
    });
  }

  private row({ time, actor, act, target, detail, address }: AuditRow): TemplateResult {
    const keys = (target ?? "").split(", ").map((each) => (KEY.test(each) ? html`<a href=${alertPath(each, new URLSearchParams())}><code>${each.slice(0, 8)}</code></a> ` : html`<bdi>${each}</bdi> `));
    return html`<tr><td><time datetime=${time}>${moment(time)}</time></td><th scope="row"><bdi>${actor}</bdi></th><td>${named("audit", act)}</td>
      <td>${keys} ${detail ? html`<small><bdi>${detail}</bdi></small>` : nothing}</td><td><bdi dir="ltr">${address ?? t("audit.command_line")}</bdi></td></tr>`;
  }

  private async more(before: number): Promise<void> {
    try {
      const { items, next } = await api.audit(before);
      this.next = next;
      this.older = [...this.older, ...items];
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      app.notify(told(problem), "refused");
    }
  }
}
