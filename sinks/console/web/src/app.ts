/** What all parts of the page share: who is here, the list, the line to the server, how fresh the data are. */

import { LitElement } from "lit";
import { api } from "./api";
import { AlertList } from "./list";
import { Live } from "./live";
import { prefs } from "./prefs";
import type { Alert, Capabilities, Freshness, Item } from "./wire";
import { isNamed, named, t } from "./words";

/** A short message; `undo` and `look` are what the reader can do about it. */
export interface Notice {
  id: number;
  text: string;
  kind: "done" | "refused";
  action?: { label: string; run: () => void };
}

/** Why what is shown may be old. */
export type Staleness = { why: "lost" | "behind" | "stale" | "unavailable"; seconds: number; asOf: Date } | null;

const LOST_AFTER = 5;
const NOTICE_MS = 10_000;

/** Events: `change` (anything), `tick` (each second), `alert` (one alert changed), `missed` (what is shown may have changed untold). */
class App extends EventTarget {
  capabilities: Capabilities = { pages: {}, version: "" };
  freshness: Freshness | null = null;
  readonly list = new AlertList(() => api.session?.name ?? "", () => this.now());
  live = new Live();
  notices: Notice[] = [];
  outdated = false;
  /** Clock of the server less ours, in milliseconds: ages are told by its clock. */
  skew = 0;
  private told = 0;
  private heard = 0;
  private clock = 0;
  private asked = Promise.resolve(this.capabilities);
  /** The customer whose journeys are to be shown next: no address names one. */
  sought: string | null = null;
  /** Since when the server has no database. */
  private away: number | null = null;

  constructor() {
    super();
    const entitle = () => {
      document.title = prefs.count && this.list.fresh.size ? `(${this.list.fresh.size}) Seamwatch` : "Seamwatch";
    };
    this.list.addEventListener("change", entitle);
    this.addEventListener("change", entitle);
  }

  /** Whether the reader may act on alerts. */
  get acts(): boolean {
    return api.session?.rights.includes("alerts:write") ?? false;
  }

  /** Whether the reader may take a list away. */
  get exports(): boolean {
    return api.session?.rights.includes("alerts:export") ?? false;
  }

  /** Whether the reader may see what stands behind a mask, and the console can. */
  get reveals(): boolean {
    return (this.capabilities.pages["reveal"] ?? false) && (api.session?.rights.includes("values:reveal") ?? false);
  }

  now(): number {
    return Date.now() + this.skew;
  }

  async begin(): Promise<void> {
    this.live = new Live();
    this.live.addEventListener("alerts", (event) => this.merge((event as CustomEvent<{ items: Item[] }>).detail.items));
    this.live.addEventListener("freshness", (event) => this.hear((event as CustomEvent<Freshness>).detail));
    this.live.addEventListener("hello", () => this.missed());
    this.live.addEventListener("reset", () => this.missed());
    this.live.addEventListener("unavailable", () => {
      this.away ??= Date.now();
      this.changed();
    });
    this.live.addEventListener("reload", () => {
      this.outdated = true;
      this.changed();
    });
    this.live.addEventListener("line", () => this.changed());
    this.live.addEventListener("scores", () => this.dispatchEvent(new Event("scores")));
    this.clock = window.setInterval(() => this.dispatchEvent(new Event("tick")), 1000);
    this.live.start();
    this.asked = api.capabilities();
    this.capabilities = await this.asked;
    if (this.capabilities.version) this.live.builtAs(this.capabilities.version);
    this.changed();
  }

  /** Whether the API offers a page; waits until that is known. Raises `Problem`. */
  async offers(page: string): Promise<boolean> {
    return (await this.asked).pages[page] ?? false;
  }

  end(): void {
    this.live.stop();
    clearInterval(this.clock);
  }

  /** Say whether what is shown may be old, and how old. */
  staleness(): Staleness {
    const silent = (Date.now() - this.live.seen) / 1000;
    if (!this.live.up && silent > LOST_AFTER) return { why: "lost", seconds: silent, asOf: new Date(this.live.seen + this.skew) };
    if (this.away !== null) return this.old("unavailable", (Date.now() - this.away) / 1000);
    const fresh = this.freshness;
    if (fresh?.state === "lagging") return this.old("behind", fresh.delay ?? 0);
    if (fresh?.state === "stale") return this.old("stale", Math.min(fresh.write_age ?? Infinity, fresh.worker_age ?? Infinity) + this.sinceHeard());
    return null;
  }

  /** Seconds since the newest stored record was written by a source; null: there is none. */
  age(): number | null {
    const age = this.freshness?.record_age;
    return age === null || age === undefined ? null : age + this.sinceHeard();
  }

  private sinceHeard(): number {
    return (Date.now() - this.heard) / 1000;
  }

  private old(why: "behind" | "stale" | "unavailable", seconds: number): Staleness {
    return { why, seconds, asOf: new Date(this.now() - seconds * 1000) };
  }

  notify(text: string, kind: Notice["kind"] = "done", action?: Notice["action"]): void {
    const notice: Notice = { id: ++this.told, text, kind, ...(action ? { action } : {}) };
    this.notices = [...this.notices.slice(-2), notice];
    setTimeout(() => this.dismiss(notice.id), NOTICE_MS);
    this.changed();
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((each) => each.id !== id);
    this.changed();
  }

  changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  private missed(): void {
    void this.list.catchUp();
    this.dispatchEvent(new Event("missed"));
  }

  private hear(fresh: Freshness): void {
    this.freshness = fresh;
    this.heard = Date.now();
    this.away = null;
    this.skew = new Date(fresh.as_of).getTime() - Date.now();
    this.changed();
  }

  private merge(items: Item[]): void {
    const before = this.list.fresh.size;
    this.list.merge(items);
    for (const { alert } of items) this.dispatchEvent(new CustomEvent<Alert>("alert", { detail: alert }));
    if (this.list.fresh.size > before && prefs.sound) void import("./sound").then(({ ring }) => ring());
  }
}

export const app = new App();

/** A part of the page: in the document itself, so that one style sheet, labels and selection work throughout. */
export class Part extends LitElement {
  private readonly heard: [EventTarget, string, () => void][] = [];

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  /** Draw again whenever `source` says so, as long as the part is on the page. */
  protected hears(source: EventTarget, ...types: string[]): void {
    for (const type of types) this.heard.push([source, type, () => this.requestUpdate()]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    for (const [source, type, listener] of this.heard) source.addEventListener(type, listener);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const [source, type, listener] of this.heard) source.removeEventListener(type, listener);
  }
}

/** Say in a sentence why the server did not do or tell something. */
export function told(problem: { status: number; detail: string; body?: Record<string, unknown> }): string {
  const code = String(problem.body?.["code"]);
  if (isNamed("problem", code)) return named("problem", code);
  if (problem.status === 0) return t("problem.unreachable");
  if (problem.status === 403) return t("problem.forbidden");
  if (problem.status === 404) return t("problem.gone");
  if (problem.status === 429) return t("problem.slower");
  if (problem.status >= 500) return t("problem.server");
  return problem.detail;
}
