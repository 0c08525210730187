/** Words in the language of the reader, and times, numbers and durations as that language writes them. */

import { type Language, prefs } from "./prefs";
import en from "./words/en";

export type Key = keyof typeof en;
export type Words = Record<Key, string>;
type Values = Record<string, string | number>;

let words: Words = en;
let plural = new Intl.PluralRules("en");
let locale = "en";

const LOADERS: Record<Language, () => Promise<{ default: Words }>> = {
  en: () => Promise.resolve({ default: en }),
  de: () => import("./words/de"),
  "zh-Hans": () => import("./words/zh-Hans"),
  fa: () => import("./words/fa"),
};

/** Load the catalogue of the chosen language and turn the page to its direction. */
export async function speak(): Promise<void> {
  words = (await LOADERS[prefs.language]()).default;
  locale = prefs.language;
  plural = new Intl.PluralRules(locale);
  formats.clear();
  document.documentElement.lang = locale;
  document.documentElement.dir = locale === "fa" ? "rtl" : "ltr";
}

/** Return a text; numbers in `values` are written as the language does, `n` decides between "one|other". */
export function t(key: Key, values: Values = {}): string {
  let text = words[key];
  if (text.includes("|")) {
    const [one = "", other = one] = text.split("|");
    text = plural.select(Number(values["n"])) === "one" ? one : other;
  }
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : (value ?? "");
  });
}

/** Return the text of a name that comes from the program (a detector, a reason, a channel), or the name itself where nobody translated it. */
export function named(group: string, name: string, values: Values = {}): string {
  const key = `${group}.${name}`;
  return key in words ? t(key as Key, values) : name.replaceAll("_", " ");
}

/** Whether a name that comes from the program has a text. */
export function isNamed(group: string, name: string): boolean {
  return `${group}.${name}` in words;
}

const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function format<T extends Intl.NumberFormat | Intl.DateTimeFormat>(name: string, make: () => T): T {
  let made = formats.get(name) as T | undefined;
  if (!made) formats.set(name, (made = make()));
  return made;
}

/** Write a number with at most so many decimals. */
export function number(value: number, decimals = 0): string {
  return format(`n${decimals}`, () => new Intl.NumberFormat(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals })).format(value);
}

/** Write a number as exactly as people set one: with three decimals at most. */
export function figure(value: number): string {
  return format("figure", () => new Intl.NumberFormat(locale, { maximumFractionDigits: 3 })).format(value);
}

/** Write a share (0 to 1) as a percentage, with at most so many decimals. */
export function percent(value: number, decimals = 0): string {
  return format(`%${decimals}`, () => new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: decimals })).format(value);
}

/** Write an amount of money, long ones in short; where nobody named a currency, or one that is no code of ISO 4217, as a number. */
export function money(value: number, currency: string | null): string {
  const style = { notation: Math.abs(value) < 100_000 ? "standard" : "compact", maximumFractionDigits: Math.abs(value) < 100_000 ? 0 : 1 } as const;
  const iso = currency !== null && /^[A-Z]{3}$/.test(currency);
  const written = format(`$${iso ? currency : ""} ${style.notation}`, () => new Intl.NumberFormat(locale, iso ? { ...style, style: "currency", currency } : style)).format(value);
  return iso || currency === null ? written : `${written} ${currency}`;
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]] as const;

/** Write a duration in its largest unit: "2 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [unit, size] = UNITS.find(([, size]) => whole >= size) ?? UNITS[3];
  const style = { style: "unit", unit, unitDisplay: "short" } as const;
  return format(`for ${unit}`, () => new Intl.NumberFormat(locale, style)).format(Math.floor(whole / size));
}

/** Write a duration with two units where the first is small: "1 h 12 min". */
export function precisely(seconds: number): string {
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  const [unit, next] = [UNITS[at], UNITS[at + 1]];
  if (!unit || !next) return duration(seconds);
  const rest = seconds % unit[1];
  return rest >= next[1] ? `${duration(seconds)} ${duration(rest)}` : duration(seconds);
}

const WRITTEN: Record<string, string> = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day" };

/** Write a duration in the unit that a rule has it in: ms, s, m, h or d. */
export function spanOf(amount: number, unit: string): string {
  const style = { style: "unit", unit: WRITTEN[unit] ?? "second", unitDisplay: "short" } as const;
  return format(`in ${unit}`, () => new Intl.NumberFormat(locale, style)).format(amount);
}

/** Write the time of day, with seconds. */
export function clock(time: string | Date): string {
  return format("clock", () => new Intl.DateTimeFormat(locale, { timeStyle: "medium" })).format(new Date(time));
}

/** Write day and time of day; the day is left out where it is today. */
export function moment(time: string | Date): string {
  const date = new Date(time);
  if (date.toDateString() === new Date().toDateString()) return clock(date);
  const style = { dateStyle: "medium", timeStyle: "short" } as const;
  return format("moment", () => new Intl.DateTimeFormat(locale, style)).format(date);
}

/** Write a day. */
export function day(time: string | Date): string {
  return format("day", () => new Intl.DateTimeFormat(locale, { dateStyle: "full" })).format(new Date(time));
}

/** Seconds from a time until now, or another. */
export function since(time: string | Date, now: number = Date.now()): number {
  return (now - new Date(time).getTime()) / 1000;
}
