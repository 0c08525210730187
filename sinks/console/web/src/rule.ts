/** The rule behind a finding: its version and reason, and of each threshold what was seen beside what is set. */

import { html, nothing, type TemplateResult } from "lit";
import { setting, settingName, settingValue, written } from "./marks";
import type { Finding, Setting } from "./wire";
import { figure, isNamed, named, precisely, t } from "./words";

const COMMON = new Set(["mode", "severity", "silos"]);
/** Settings that a time is held against: the one between both moments, or the one that was waited. */
const SPANS = new Set(["within", "open_for", "validity", "furthest", "answer_limits", "same_breath"]);
/** Quadrants of customers with much revenue; how much it is stands nowhere. */
const HIGH_REVENUE = new Set(["model", "at_risk"]);
const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Draw the rule of a finding; `rules` are those that are configured now. */
export function ruleOf(finding: Finding, rules: Record<string, unknown>[]): TemplateResult {
  const configured = rules.find((each) => each["name"] === finding.rule.name) ?? {};
  const every = (configured["settings"] ?? []) as Setting[];
  const pattern = every.find(({ key }) => key === "pattern")?.value;
  const settings = every.filter(({ key, value }) => !COMMON.has(key) && value !== null && !(key === "within" && pattern && pattern !== "timed"));
  const rows = settings.map((each) => ({ each, seen: seenBeside(each, finding) }));
  const { version } = configured as { version?: number };
  const gap = lasted(finding);
  return html`<section class="rule">
    <h2>${t("alert.rule")}</h2>
    <dl>
      <div><dt>${t("rule.name")}</dt><dd><code>${finding.rule.name}</code> ${t("rule.version", { version: finding.rule.version })}</dd></div>
      ${isNamed("why", finding.reason) ? html`<div><dt>${t("rule.reason")}</dt><dd>${named("why", finding.reason)}</dd></div>` : nothing}
      ${finding.silos.length ? html`<div><dt>${t("rule.silos")}</dt><dd>${finding.silos.map((each) => named("silo", each)).join(", ")}</dd></div>` : nothing}
      ${gap !== null && !settings.some(({ key }) => SPANS.has(key)) ? html`<div class="seen"><dt>${t("rule.gap")}</dt><dd><b>${precisely(gap)}</b></dd></div>` : nothing}
      ${rows.map(({ each, seen }) => (seen ? html`<div class="judged" title=${`${each.key}: ${each.meaning}`}><dt>${settingName(each.key)}</dt><dd>${seen}</dd></div>` : nothing))}
    </dl>
    ${rows.some(({ seen }) => seen) ? html`<p class="soft">${t("rule.lead")}</p>` : nothing}
    ${rows.some(({ seen }) => !seen) ? html`<dl class="rest">${rows.map(({ each, seen }) => (seen ? nothing : setting(each)))}</dl>` : nothing}
    ${version !== undefined && version !== finding.rule.version ? html`<p class="soft">${t("rule.other", { version, judged: finding.rule.version })}</p>` : nothing}
  </section>`;
}

/** What was seen and how it stands to what is set: "0.83 ≥ 0.5"; null: nothing was held against this setting. */
function seenBeside({ key, value, unit }: Setting, finding: Finding): TemplateResult | null {
  const set = html`<bdi>${settingValue({ key, value, unit })}</bdi>`;
  if (key === "revenue" && finding.detector === "portfolio_shift") return html`<b>${HIGH_REVENUE.has(finding.reason) ? "≥" : "<"}</b> ${set}`;
  const measured = finding.measured?.[key];
  if (measured !== undefined) {
    return html`<b>${figure(measured)}</b> <span class="against">${measured >= Number(value) ? "≥" : "<"}</span> ${set}`;
  }
  const span = SPANS.has(key) ? lasted(finding) : null;
  if (span === null || (key === "within" && finding.measured?.["confidence"] !== undefined)) return null;
  const most = seconds(value);
  return html`<b>${precisely(span)}</b> <span class="against">${most === null ? "·" : span <= most ? "≤" : ">"}</span> ${set}`;
}

/** Seconds between both moments, of an absence those that were waited; null: there is one moment alone. */
function lasted({ first, again, time, evidence }: Finding): number | null {
  const begin = again ? first : (evidence.filter((each) => each.time <= time).at(-1) ?? first);
  if (!begin || begin.id === again?.id) return null;
  return Math.max(0, (new Date(again?.time ?? time).getTime() - new Date(begin.time).getTime()) / 1000);
}

function seconds(value: unknown): number | null {
  const span = written(value);
  return span && span.amount * (UNITS[span.unit] ?? 0);
}
