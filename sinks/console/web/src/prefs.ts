/** What this person chose on this device: language, theme, shortcuts, sound. Kept by the browser; without storage, for this page. */

export type Language = "en" | "de" | "zh-Hans" | "fa";
export type Theme = "system" | "light" | "dark";

export interface Prefs {
  language: Language;
  theme: Theme;
  shortcuts: boolean;
  sound: boolean;
  count: boolean;
  introduced: boolean;
  views: { name: string; query: string }[];
}

export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch", "zh-Hans": "简体中文", fa: "فارسی" };

const KEY = "seamwatch";

function spoken(): Language {
  for (const each of navigator.languages) {
    const base = each.split("-")[0];
    if (base === "zh") return "zh-Hans";
    if (base === "en" || base === "de" || base === "fa") return base;
  }
  return "en";
}

function read(): Partial<Prefs> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Prefs>;
  } catch {
    return {};
  }
}

const defaults = { theme: "system", shortcuts: true, sound: false, count: true, introduced: false, views: [] } as const;
const read0 = read();
export const prefs: Prefs = {
  ...defaults,
  ...read0,
  language: read0.language && read0.language in LANGUAGES ? read0.language : spoken(),
  views: Array.isArray(read0.views) ? read0.views : [],
};

/** Change choices and keep them. */
export function choose(changes: Partial<Prefs>): void {
  Object.assign(prefs, changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // private windows may have no storage: the choice lasts as long as the page
  }
}
