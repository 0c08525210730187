/** Every rule: whether it is on, what it found, how much of that was taken back or a false alarm, and what it finds in shadow. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { Part } from "./app";
import { field, setting, severity } from "./marks";
import { page, table } from "./page";
import { Poll } from "./poll";
import type { BackTest, BackTestCounts, RuleFigures, Severity } from "./wire";
import { moment, named, number, percent, t } from "./words";

const EVERY = 30_000;

@customElement("sw-rules")
export class Rules extends Part {
  private readonly poll = new Poll<[RuleFigures[], BackTest[]]>(this, () => Promise.all([api.rules(), api.backTests()]), EVERY);

  protected override render(): TemplateResult {
    return page({ title: t("rules.title"), lead: t("rules.lead"), none: { title: t("rules.none"), hint: t("rules.none_hint") } }, this.poll, ([rules, tests]) => {
      const heads = [t("rule.name"), t("rules.mode"), t("rules.fired"), t("rules.withdrawn"), t("rules.false"), t("rules.shadow"), t("rules.last")];
      const shown = [...rules].sort((one, other) => other.fired - one.fired || one.name.localeCompare(other.name));
      return rules.length ? html`${table(t("rules.title"), heads, [2, 3, 4, 5, 6], shown.map((each) => this.rule(each)))} ${this.backTests(tests)}` : null;
    });
  }

  private backTests(tests: BackTest[]): TemplateResult {
    return html`<section>
      <h2>${t("backtest.title")}</h2>
      <p class="lead">${t("backtest.lead")}</p>
      ${tests.length ? tests.map((each, index) => this.backTest(each, index === 0)) : html`<p dir="ltr"><code>seamwatch replay --from-topic --since 24h --rules NEW --against shipped --keep</code></p>`}
    </section>`;
  }

  private backTest({ time, actor, tested, against, touchpoints, findings, alerts, rules }: BackTest, open: boolean): TemplateResult {
    const heads = [t("rule.name"), t("backtest.before"), t("backtest.after"), t("backtest.appear"), t("backtest.vanish"), t("backtest.change")];
    const cells = (of: BackTestCounts) => html`${[of.before, of.after, of.appear, of.vanish, of.change].map((each) => html`<td class="n">${number(each)}</td>`)}`;
    return html`<details class="journey" ?open=${open}>
      <summary><h2><bdi>${tested}</bdi> <small>${t("backtest.against")}</small> <bdi>${against}</bdi></h2>
        <span><time datetime=${time}>${moment(time)}</time> · <bdi>${actor}</bdi></span><span>${t("backtest.touchpoints", { n: touchpoints })}</span></summary>
      <p class="figures"><b>${t("backtest.alerts", { before: alerts.before, after: alerts.after })}</b> <span>${t("backtest.new", { n: alerts.appear })}</span> <span>${t("backtest.gone", { n: alerts.vanish })}</span></p>
      ${table(t("backtest.title"), heads, [1, 2, 3, 4, 5], [
        html`<tr><th scope="row"><b>${t("scope.tenant")}</b></th>${cells(findings)}</tr>`,
        ...rules.filter((each) => each.same !== each.before + each.appear).map((each) => html`<tr><th scope="row"><code>${each.name}</code></th>${cells(each)}</tr>`),
      ])}
    </details>`;
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
