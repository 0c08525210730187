/** Small things drawn the same everywhere: severity, seam, state, age. */

import { html, nothing, svg, type TemplateResult } from "lit";
import { app } from "./app";
import type { Alert, Item, Latest, Seam, Setting, Severity } from "./wire";
import { clock, duration, figure, isNamed, moment, named, since, spanOf, t } from "./words";

const SHAPES = {
  critical: svg`<path class="fill" d="M5.3 1h5.4L15 5.3v5.4L10.7 15H5.3L1 10.7V5.3z"/><path class="cut" d="M8 4v5M8 11.6v.2"/>`,
  warning: svg`<path class="fill" d="M8 1.2 15.4 14.4H.6z"/><path class="cut" d="M8 6v4M8 12.2v.2"/>`,
  info: svg`<circle class="ring" cx="8" cy="8" r="6.2"/><path class="stroke" d="M8 7.4v4M8 4.6v.2"/>`,
} as const;

/** Severity as a shape and a word. */
export function severity(level: Severity): TemplateResult {
  return html`<span class="severity ${level}"><svg viewBox="0 0 16 16" aria-hidden="true">${SHAPES[level]}</svg><span>${t(`severity.${level}`)}</span></span>`;
}

/** The name of one side of a seam, without its kind. */
export function side(name: string): string {
  const [kind = "", rest = name] = name.split(/:(.*)/s);
  return kind === "channel" ? named("channel", rest) : rest;
}

/** Both sides of a seam by its name; a team's own may hold what stands between. */
export function sides(name: string): string[] {
  return name.split(/>(?=team:|channel:)/);
}

/** A seam: two names and the stitches between them. */
export function seam(of: Seam | null): TemplateResult | typeof nothing {
  if (!of) return nothing;
  return html`<span class="seam"><bdi>${side(of.from)}</bdi><span class="stitch" role="img" aria-label=${t("seam.to")}></span><bdi>${side(of.to)}</bdi></span>`;
}

/** A field as people call it; one of a thing ("date_of_birth of partner") as that of none, with the thing behind it. */
export function field(name: string | null | undefined): string {
  if (!name) return t("field.any");
  const [base, thing] = name.split(" of ", 2);
  if (base && thing && isNamed("field", base) && !isNamed("field", name)) return `${named("field", base)} (${named("field", thing)})`;
  return named("field", name);
}

/** In a few words what happened to the customer. */
export function headline(alert: Alert, latest: Pick<Latest, "field" | "reason"> | null): TemplateResult {
  const what = named("what", alert.detector, { field: field(latest?.field) });
  const how = latest && isNamed("why", latest.reason) ? html`<span class="how">${named("why", latest.reason)}</span>` : nothing;
  return html`<bdi>${what}</bdi> ${how}`;
}

export function headlineText(item: Item): string {
  return named("what", item.alert.detector, { field: field(item.latest?.field) });
}

/** How long ago, with the exact time at hand. */
export function ago(time: string): TemplateResult {
  return html`<time datetime=${time} title=${moment(time)}>${duration(since(time, app.now()))}</time>`;
}

/** Where the alert stands, in words; nothing for one that is simply open. */
export function standing(alert: Alert): string {
  switch (alert.state) {
    case "open":
      return "";
    case "snoozed":
      if (!alert.snoozed_until) return t("state.until_worse");
      return t("state.until", { time: since(alert.snoozed_until, app.now()) > -43_200 ? clock(alert.snoozed_until) : moment(alert.snoozed_until) });
    case "resolved":
      return alert.resolution ? t(`outcome.${alert.resolution}`) : t("state.resolved");
    default:
      return t(`state.${alert.state}`);
  }
}

const TOLD_TIME = /([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) UTC/;

/**
 * A sentence of the program, in the direction of its own language: it may begin with the name of a team, in other letters.
 * The times in it, which the program tells in UTC, are written as all others on the page.
 */
export function sentence(language: string, words: string): TemplateResult {
  const parts = words.split(TOLD_TIME); // what stands between, a day, a time of that day, and so on
  const written = parts.map((part, at) => {
    if (at % 3) return nothing;
    const time = `${parts[at + 1]}T${parts[at + 2]}Z`;
    return html`${part}${at + 2 < parts.length ? html`<time datetime=${time}>${moment(time)}</time>` : nothing}`;
  });
  return html`<bdi lang=${language} dir=${language === "fa" ? "rtl" : "ltr"}>${written}</bdi>`;
}

/** A customer's pseudonym, kept apart from the direction of the text around it. */
export function customer(name: string): TemplateResult {
  return html`<bdi class="customer" title=${name}>${name}</bdi>`;
}

/** A setting of a rule: what it is in words, and what it is set to; how rules write it, and what it means, is at hand. */
export function setting({ key, value, unit, meaning }: Setting): TemplateResult {
  return html`<div title=${`${key}: ${meaning}`}><dt>${settingName(key)}</dt><dd><bdi>${settingValue({ key, value, unit })}</bdi></dd></div>`;
}

/** What a setting is in words; one that nobody translated as rules write it. */
export function settingName(key: string): TemplateResult {
  return isNamed("setting", key) ? html`${named("setting", key)}` : html`<code>${key}</code>`;
}

/** A duration as rules write it, such as 90m; null: it is none. */
export function written(value: unknown): { amount: number; unit: string } | null {
  const [, amount, unit = ""] = typeof value === "string" ? (/^([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)$/.exec(value) ?? []) : [];
  return amount === undefined ? null : { amount: Number(amount), unit };
}

export function settingValue({ key, value, unit }: { key: string; value: unknown; unit?: string | undefined }): string {
  if (value === null) return "–";
  const span = unit === "time" ? written(value) : null;
  if (span) return spanOf(span.amount, span.unit);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value === "number") return figure(value);
  if (Array.isArray(value)) return value.map((each) => (key.startsWith("silos") ? named("silo", String(each)) : String(each))).join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, each]) => `${named("channel", name)} ${settingValue({ key: "", value: each, unit })}`).join(", ");
  return key === "mode" ? named("mode", String(value)) : key === "severity" ? named("severity", String(value)) : String(value);
}
