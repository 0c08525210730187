/** Every rule: whether it is on, what it found, how much of that was taken back or a false alarm, and what it finds in shadow. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { Part } from "./app";
import { field, setting, severity } from "./marks";
import { page, table } from "./page";
import { Poll } from "./poll";
import type { RuleFigures, Severity } from "./wire";
import { moment, named, number, percent, t } from "./words";

const EVERY = 30_000;

@customElement("sw-rules")
export class Rules extends Part {
  private readonly poll = new Poll<RuleFigures[]>(this, () => api.rules(), EVERY);

  protected override render(): TemplateResult {
    return page({ title: t("rules.title"), lead: t("rules.lead"), none: { title: t("rules.none"), hint: t("rules.none_hint") } }, this.poll, (rules) => {
      const heads = [t("rule.name"), t("rules.mode"), t("rules.fired"), t("rules.withdrawn"), t("rules.false"), t("rules.shadow"), t("rules.last")];
      const shown = [...rules].sort((one, other) => other.fired - one.fired || one.name.localeCompare(other.name));
      return rules.length ? table(t("rules.title"), heads, [2, 3, 4, 5, 6], shown.map((each) => this.rule(each))) : null;
    });
  }

  private rule({ name, detector, configured, fired, withdrawn, judged, false_positives, shadow, heard, last }: RuleFigures): TemplateResult {
    const share = (of: number, all: number) => (all ? html`${percent(of / all)} <small>${t("rules.of", { part: of, all })}</small>` : "–");
    return html`<tr>
      <th scope="row"><code>${name}</code><small class="does"><bdi>${named("what", detector, { field: field(null) })}</bdi></small>
        ${configured
          ? html`<details><summary>${t("rules.settings", { version: configured.version })}</summary><dl>
              ${(configured.settings ?? []).map(setting)}</dl></details>`
          : nothing}</th>
      <td><span class="mode ${configured?.mode ?? "gone"}">${t(`mode.${configured?.mode ?? "gone"}`)}</span>${configured ? severity(configured.severity as Severity) : nothing}</td>
      <td class="n">${number(fired)}</td><td class="n">${share(withdrawn, fired)}</td><td class="n">${share(false_positives, judged)}</td>
      <td class="n">${shadow ? html`${number(shadow)} <small>${t("rules.heard", { n: heard })}</small>` : "–"}</td>
      <td class="n">${last ? html`<time datetime=${last}>${moment(last)}</time>` : "–"}</td></tr>`;
  }
}
