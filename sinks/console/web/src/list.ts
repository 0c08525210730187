/** The alerts that the reader looks at: loaded by pages, changed in place, never moved under the hand. */

import { api, Problem } from "./api";
import { filters } from "./route";
import type { Alert, Item, Page, Seam, State, Wish } from "./wire";

const PAGE = 100;
const AGAIN = 1000;
const WAITING: readonly State[] = ["open", "acknowledged", "snoozed", "reopened"];
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const STATES: readonly State[] = [...WAITING, "resolved"];

/** Event: `change`. */
export class AlertList extends EventTarget {
  rows: Item[] = [];
  total: number | null = null;
  /** There may be more than `total`. */
  least = false;
  status: "loading" | "ready" | "failed" = "loading";
  problem: Problem | null = null;
  /** When the rows were read, as the server's clock tells. */
  asOf: string | null = null;
  /** Keys that match and are not in the list, because they came after it was read. */
  readonly fresh = new Set<string>();
  readonly selected = new Set<string>();
  private readonly at = new Map<string, number>();
  private next: string | null = null;
  /** Where the pages end that have been read: what has its newest finding before that comes by scrolling. */
  private end: Alert | null = null;
  private query = new URLSearchParams();
  private turn = 0;
  private prefetched: string | null = null;
  /** The version that one's own last change of an alert leaves, once it is done: one after the other, and none clashes with one's own. */
  private readonly acting = new Map<string, Promise<number>>();
  private more: Promise<void> | null = null;
  private reading: Promise<void> = Promise.resolve();
  /** What was told while answers were on their way, which may be older than that. */
  private readonly told = new Map<string, Item>();
  private asked = 0;

  constructor(
    private readonly me: () => string,
    private readonly now: () => number,
  ) {
    super();
  }

  row(key: string): Item | undefined {
    const index = this.at.get(key);
    return index === undefined ? undefined : this.rows[index];
  }

  index(key: string): number {
    return this.at.get(key) ?? -1;
  }

  get complete(): boolean {
    return this.next === null;
  }

  /** Begin to read what the page is going to show, before it is there. */
  prefetch(query: URLSearchParams): void {
    this.prefetched = query.toString();
    void this.read(query);
  }

  /** Read what the page shows, if that has not begun. */
  enter(query: URLSearchParams): void {
    if (this.prefetched !== query.toString()) void this.read(query);
    this.prefetched = null;
  }

  /** Until the list has been read as it is wanted now, or could not be. */
  get settled(): Promise<void> {
    return this.reading;
  }

  /** Read the list from its top; what is shown stays until the answer is there. */
  read(query: URLSearchParams = this.query): Promise<void> {
    return (this.reading = this.readTop(query));
  }

  private async readTop(query: URLSearchParams): Promise<void> {
    const turn = ++this.turn;
    if (query.toString() !== this.query.toString()) {
      this.status = "loading";
      this.selected.clear();
    }
    this.query = new URLSearchParams(query);
    this.changed();
    try {
      await this.ask(turn, this.words(), (page) => {
        this.rows = [];
        this.at.clear();
        this.fresh.clear();
        this.end = null;
        this.take(page);
        for (const key of this.selected) if (!this.at.has(key)) this.selected.delete(key);
        this.status = "ready";
        this.problem = null;
      });
    } catch (problem) {
      if (turn !== this.turn) return;
      this.problem = problem instanceof Problem ? problem : new Problem(0, String(problem));
      if (this.status !== "ready") this.status = "failed";
    }
    this.changed();
  }

  /** Take what changed while nobody told us: what is new at the top, and every row that is here. Nothing moves. */
  async catchUp(): Promise<void> {
    await this.reading; // it may have been answered before we were told anything
    if (this.status !== "ready") return;
    const { turn } = this;
    try {
      await this.ask(turn, this.words(), (page) => this.merge(page.items));
      for (let start = 0; start < this.rows.length && turn === this.turn; start += PAGE) {
        const query = new URLSearchParams({ limit: String(PAGE) });
        for (const state of STATES) query.append("state", state);
        for (const { alert } of this.rows.slice(start, start + PAGE)) query.append("key", alert.key);
        await this.ask(turn, query.toString(), (page) => this.merge(page.items));
      }
    } catch (problem) {
      if (problem instanceof Problem && (problem.status === 401 || problem.status === 403)) return;
      setTimeout(() => turn === this.turn && void this.catchUp(), AGAIN);
    }
  }

  /** Read the next page, once. */
  readMore(): void {
    if (this.next === null || this.more || this.status !== "ready") return;
    this.more = this.ask(this.turn, this.words(this.next), (page) => this.take(page))
      .catch(() => undefined) // the reader scrolls again
      .finally(() => {
        this.more = null;
        this.changed();
      });
  }

  /** Ask for alerts and take the answer unless the list was read anew meanwhile; then again what was told before it came. Raises `Problem`. */
  private async ask(turn: number, words: string, take: (page: Page) => void): Promise<void> {
    this.asked++;
    try {
      const page = await api.alerts(words);
      if (turn !== this.turn) return;
      take(page);
      this.merge([...this.told.values()]);
    } finally {
      if (!--this.asked) this.told.clear();
    }
  }

  /** Take alerts that changed somewhere: known ones in place, others as new where they match. */
  merge(items: readonly Item[]): void {
    for (const item of items) {
      const { key, version } = item.alert;
      if (this.asked && version >= (this.told.get(key)?.alert.version ?? 0)) this.told.set(key, item);
      const known = this.row(key);
      if (known) {
        if (version >= known.alert.version) this.rows[this.index(key)] = item;
      } else if (this.matches(item) && this.reached(item.alert)) this.fresh.add(key);
      else this.fresh.delete(key);
    }
    this.changed();
  }

  /** Whether an alert that is not in the list belongs above where it has been read to: below that it is not new, it has not been read yet. */
  private reached({ key, last_seen }: Alert): boolean {
    if (this.next === null || !this.end) return true;
    const after = Date.parse(last_seen) - Date.parse(this.end.last_seen);
    return after > 0 || (after === 0 && key > this.end.key);
  }

  /** Whether an alert's newest finding is as young as is asked for. */
  private recent(last_seen: string): boolean {
    const [, count, unit] = /^([0-9]+)([smhd])$/.exec(this.query.get("age") ?? "") ?? [];
    return count === undefined || this.now() - Date.parse(last_seen) <= Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1000;
  }

  /** Whether the alert is what the filters ask for; a word that only the server can look up is taken as found. */
  matches({ alert, latest }: Item): boolean {
    const any = (name: string, ...values: (string | null | undefined)[]) => {
      const wanted = this.query.getAll(name);
      return !wanted.length || wanted.some((each) => values.includes(each));
    };
    const states = this.query.getAll("state");
    if (!(states.length ? states : (WAITING as readonly string[])).includes(alert.state)) return false;
    if (this.query.get("mine") && alert.assignee !== this.me()) return false;
    if (!this.recent(alert.last_seen)) return false;
    const said = [alert.customer, latest?.journey, latest?.field, latest?.summary].join(" ").toLowerCase();
    return (
      (this.query.get("q") ?? "").toLowerCase().split(/\s+/).every((word) => said.includes(word)) &&
      any("tenant", alert.tenant) &&
      any("customer", alert.customer) &&
      any("severity", alert.severity) &&
      any("detector", alert.detector) &&
      any("rule", latest?.rule) &&
      any("assignee", alert.assignee ?? "-") &&
      any("seam", alert.seam && `${alert.seam.from}>${alert.seam.to}`) &&
      any("team", latest?.team, ...sides(alert.seam, "team:")) &&
      any("channel", latest?.channel, ...sides(alert.seam, "channel:"))
    );
  }

  /** Do something to one alert: shown at once, taken back where the server refuses it. Raises `Problem`. */
  async act(alert: Alert, wish: Wish): Promise<Alert> {
    const { key } = alert;
    this.put({ ...alert, ...foreseen(wish) });
    const turn = (this.acting.get(key) ?? Promise.resolve(0)).then(async (own) => {
      const done = await api.change(key, wish, Math.max(own, alert.version));
      this.put(done);
      return done;
    });
    this.acting.set(key, turn.then(({ version }) => version, () => 0));
    try {
      return await turn;
    } catch (problem) {
      if ((this.row(alert.key)?.alert.version ?? alert.version) === alert.version) this.put(alert);
      throw problem;
    }
  }

  /** Show an alert as an answer has it, unless something newer was told already. */
  put(alert: Alert): void {
    const known = this.row(alert.key);
    if (known && alert.version >= known.alert.version) this.rows[this.index(alert.key)] = { ...known, alert };
    this.dispatchEvent(new CustomEvent("alert", { detail: alert }));
    this.changed();
  }

  private take(page: Page): void {
    for (const row of page.items) {
      const { key } = row.alert;
      if (this.at.has(key)) continue; // it moved down while we read
      this.at.set(key, this.rows.length);
      this.rows.push(row);
      this.fresh.delete(key);
    }
    this.next = page.next;
    this.end = page.items.at(-1)?.alert ?? this.end;
    this.total = page.total;
    this.least = page.least;
    this.asOf = page.as_of;
  }

  private words(cursor?: string): string {
    const query = filters(this.query);
    if (!query.has("state")) for (const state of WAITING) query.append("state", state);
    query.set("limit", String(PAGE));
    if (cursor) query.set("cursor", cursor);
    return query.toString();
  }

  private changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

function sides(seam: Seam | null, prefix: string): string[] {
  return seam ? [seam.from, seam.to].filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length)) : [];
}

function foreseen(wish: Wish): Partial<Alert> {
  switch (wish.action) {
    case "acknowledge":
      return { state: "acknowledged" };
    case "assign":
      return { assignee: wish.to };
    case "snooze":
      return { state: "snoozed", snoozed_until: wish.until ?? null, until_worse: wish.worse ?? false };
    case "resolve":
      return { state: "resolved", resolution: wish.outcome };
    case "reopen":
      return { state: "reopened" };
    case "undo":
      return {};
  }
}
