/** The page of alerts: filters, the list, and beside it the alert that is open. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, query, state } from "lit/decorators.js";
import { announce } from "./announce";
import { app, Part, told } from "./app";
import { act, ask, bulk, ownName } from "./acts";
import "./filters";
import "./overview";
import { ago, customer, headline, headlineText, seam, severity, standing } from "./marks";
import { alertPath, filters, go, GROUPS, route } from "./route";
import type { Item } from "./wire";
import { t } from "./words";

const SPARE = 8;

@customElement("sw-alerts")
export class AlertsPage extends Part {
  @state() private top = 0;
  @state() private height = 600;
  @state() private cursor: string | null = null;
  @query(".rows") private scroller?: HTMLElement;
  private rowHeight = 68;
  private words = "";
  private told = "";
  private news = 0;
  private observer = new ResizeObserver(() => this.measure());

  constructor() {
    super();
    this.hears(app.list, "change");
    this.hears(app, "change");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("route", this.follow);
    app.addEventListener("tick", this.tick);
    this.words = route().query.toString();
    app.list.enter(route().query);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("route", this.follow);
    app.removeEventListener("tick", this.tick);
    this.observer.disconnect();
  }

  protected override firstUpdated(): void {
    if (this.scroller) this.observer.observe(this.scroller);
    if (route().key) void import("./alert");
  }

  protected override updated(_: PropertyValues): void {
    this.measure();
    const shown = this.top + this.height + SPARE * this.rowHeight;
    if (shown > app.list.rows.length * this.rowHeight) app.list.readMore();
    this.tell();
  }

  /** Say how many alerts there are once that is known anew, and how many have come since. */
  private tell(): void {
    const { fresh } = app.list;
    const count = this.counted();
    if (count && count !== this.told) announce("count", (this.told = count));
    if (fresh.size !== this.news) announce("new", fresh.size ? t("announce.new", { n: fresh.size }) : "");
    this.news = fresh.size;
  }

  private counted(): string {
    const { total, least, status } = app.list;
    return status === "ready" && total !== null ? t(least ? "alerts.least" : "alerts.total", { n: total }) : "";
  }

  private readonly tick = (): void => {
    if (Math.floor(Date.now() / 1000) % 5 === 0) this.requestUpdate();
  };

  private readonly follow = (): void => {
    const here = route();
    if (here.page !== "alerts") return;
    if (here.key) {
      this.cursor = here.key;
      void import("./alert");
    }
    const words = here.query.toString();
    if (words !== this.words) {
      this.words = words;
      if (this.scroller) this.scroller.scrollTop = 0;
      void app.list.read(here.query);
    }
    this.requestUpdate();
  };

  private measure(): void {
    const row = this.scroller?.querySelector("li");
    const rowHeight = row?.offsetHeight || this.rowHeight;
    const height = this.scroller?.clientHeight || this.height;
    if (rowHeight !== this.rowHeight || height !== this.height) {
      this.rowHeight = rowHeight;
      this.height = height;
      this.requestUpdate();
    }
  }

  /** Do what a key asks for; false: it is not one of ours. */
  key(name: string): boolean {
    const { list } = app;
    const open = route().key;
    if (route().query.has("group") && !open) return false; // no row is in sight
    const at = this.cursor === null ? -1 : list.index(this.cursor);
    const here = list.row(open ?? this.cursor ?? "");
    switch (name) {
      case "j":
      case "k": {
        const next = list.rows[Math.min(list.rows.length - 1, Math.max(0, at + (name === "j" ? 1 : -1)))];
        if (next) void this.move(next.alert.key, open !== null);
        return true;
      }
      case "o":
        if (this.cursor) go(alertPath(this.cursor));
        return true;
      case "x":
        if (this.cursor && list.row(this.cursor)) this.select(this.cursor);
        return true;
      case "Escape":
        if (!open) return false;
        this.close();
        return true;
      case "v":
        if (!open || !app.reveals) return false;
        this.querySelector<HTMLElement & { reveal(): void }>("sw-alert")?.reveal();
        return true;
      case "u":
        if (here) void act(here.alert, { action: "undo" });
        return true;
    }
    if (!app.acts || !["a", "c", "s", "r"].includes(name)) return false;
    if (list.selected.size) void bulk([...list.selected], name as "a" | "c" | "s" | "r");
    else if (here) void ask(here.alert, name as "a" | "c" | "s" | "r");
    return true;
  }

  private async move(key: string, open: boolean): Promise<void> {
    this.cursor = key;
    if (open) go(alertPath(key), true);
    const box = this.scroller;
    if (box) {
      const top = app.list.index(key) * this.rowHeight;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + this.rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + this.rowHeight - box.clientHeight;
      this.top = box.scrollTop;
    }
    await this.updateComplete;
    this.querySelector<HTMLElement>(`#row-${CSS.escape(key)} a`)?.focus({ preventScroll: true });
  }

  private close(): void {
    const { key } = route();
    go(alertPath(null));
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(`#row-${CSS.escape(key ?? "")} a`)?.focus());
  }

  private select(key: string): void {
    const { selected } = app.list;
    if (!selected.delete(key)) selected.add(key);
    this.requestUpdate();
  }

  private readonly scrolled = (event: Event): void => {
    const { scrollTop } = event.target as HTMLElement;
    if (Math.abs(scrollTop - this.top) > this.rowHeight * 3 || scrollTop === 0) this.top = scrollTop;
  };

  protected override render(): TemplateResult {
    const { key } = route();
    return html`
      <div class="desk ${key ? "open" : ""}">
        <section class="pane" aria-label=${t("alerts.title")}>
          <h1 class="hidden">${t("alerts.title")}</h1>
          <sw-filters></sw-filters>
          ${this.pill()} ${this.groups() ?? this.list()} ${this.bar()}
        </section>
        <section class="detail" aria-label=${key ? t("alert.title") : t("overview.title")}>
          ${key ? html`<sw-alert .key=${key} @close=${() => this.close()}></sw-alert>` : html`<sw-overview></sw-overview>`}
        </section>
      </div>
    `;
  }

  private pill(): TemplateResult {
    const { fresh, status, problem } = app.list;
    const read = () => {
      if (this.scroller) this.scroller.scrollTop = 0;
      this.top = 0;
      void app.list.read();
    };
    return html`<div class="count">
      <p>${this.counted()}</p>
      ${problem && status === "ready" ? html`<p class="refused">${told(problem)}</p>` : nothing}
      ${app.exports ? html`<a class="plain csv" download href="/api/alerts.csv?${filters().toString()}" title=${t("filters.export")}>${t("filters.csv")}</a>` : nothing}
      ${fresh.size ? html`<button class="pill" @click=${read}>${t("alerts.new", { n: fresh.size })}</button>` : nothing}
    </div>`;
  }

  /** The groups, if that is what the reader asked for. */
  private groups(): TemplateResult | null {
    const { query } = route();
    const by = GROUPS.find((each) => each === query.get("group"));
    if (!by) return null;
    void import("./groups");
    return html`<div class="rows" tabindex="-1"><sw-groups .by=${by} .filters=${filters(query).toString()}></sw-groups></div>`;
  }

  private list(): TemplateResult {
    const { rows, status, problem } = app.list;
    if (status === "loading" && !rows.length) return html`<div class="rows waiting" aria-busy="true">${Array.from({ length: 9 }, () => html`<i></i>`)}</div>`;
    if (status === "failed" && problem) {
      return html`<div class="rows"><div class="empty"><h2>${t("alerts.failed")}</h2><p>${told(problem)}</p>
        <button class="button" @click=${() => void app.list.read()}>${t("again")}</button></div></div>`;
    }
    if (!rows.length) return html`<div class="rows">${this.empty()}</div>`;
    const first = Math.max(0, Math.floor(this.top / this.rowHeight) - SPARE);
    const last = Math.min(rows.length, Math.ceil((this.top + this.height) / this.rowHeight) + SPARE);
    return html`<div class="rows ${status}" @scroll=${this.scrolled} tabindex="-1">
      <ul .style=${`height:${rows.length * this.rowHeight}px`}>
        ${rows.slice(first, last).map((item, index) => this.row(item, first + index))}
      </ul>
    </div>`;
  }

  private empty(): TemplateResult {
    const filtered = route().query.size > 0;
    return html`<div class="empty">
      <h2>${filtered ? t("alerts.none_match") : t("alerts.none")}</h2>
      <p>${filtered ? t("alerts.none_match_hint") : t("alerts.none_hint")}</p>
      ${filtered ? html`<a class="button" href="/alerts">${t("filters.clear")}</a>` : nothing}
    </div>`;
  }

  private row(item: Item, index: number): TemplateResult {
    const { alert, latest } = item;
    const { list } = app;
    const open = route().key === alert.key;
    const gone = !list.matches(item);
    const words = standing(alert);
    return html`<li
      id="row-${alert.key}"
      class="row ${alert.severity} ${gone ? "gone" : ""} ${open ? "current" : ""} ${this.cursor === alert.key ? "cursor" : ""}"
      .style=${`top:${index * this.rowHeight}px`}
      aria-setsize=${list.total ?? -1}
      aria-posinset=${index + 1}
    >
      ${app.acts
        ? html`<label class="tick"><input type="checkbox" .checked=${list.selected.has(alert.key)} @change=${() => this.select(alert.key)}
            aria-label=${t("alerts.select", { what: headlineText(item), customer: alert.customer })}></label>`
        : nothing}
      ${severity(alert.severity)}
      <div class="body">
        <a href=${alertPath(alert.key)} aria-current=${open ? "true" : nothing} @focus=${() => (this.cursor = alert.key)}>${headline(alert, latest)}</a>
        <p>${seam(alert.seam)}${customer(alert.customer)}</p>
      </div>
      <div class="side">
        <span>${alert.occurrences > 1 ? html`<b class="times" title=${t("alerts.times", { n: alert.occurrences })}>${t("alerts.times_short", { n: alert.occurrences })}</b>` : nothing}${ago(alert.last_seen)}</span>
        <span>${words ? html`<span class="state ${alert.state}">${words}</span>` : nothing}
          ${alert.assignee ? html`<bdi class="who ${alert.assignee === ownName() ? "me" : ""}">${alert.assignee === ownName() ? t("you") : alert.assignee}</bdi>` : nothing}</span>
      </div>
    </li>`;
  }

  private bar(): TemplateResult | typeof nothing {
    const { selected } = app.list;
    if (!selected.size) return nothing;
    const does = (what: "a" | "c" | "s" | "r") => () => void bulk([...selected], what);
    return html`<div class="bulk" role="group" aria-label=${t("bulk.title")}>
      <strong>${t("bulk.selected", { n: selected.size })}</strong>
      <button class="button" @click=${does("a")}>${t("act.acknowledge")}</button>
      <button class="button" @click=${does("c")}>${t("act.assign")}</button>
      <button class="button" @click=${does("s")}>${t("act.snooze")}</button>
      <button class="button" @click=${does("r")}>${t("act.resolve")}</button>
      <button class="plain" @click=${() => { selected.clear(); this.requestUpdate(); }}>${t("bulk.none")}</button>
    </div>`;
  }

}
