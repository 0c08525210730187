/** The shell: who is here, where they are, and how fresh the data are. */

import "@fontsource-variable/atkinson-hyperlegible-next";
import "./style.css";
import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api } from "./api";
import { announce, listen } from "./announce";
import { app, Part } from "./app";
import { brand } from "./brand";
import { choose, type Language, LANGUAGES, prefs, type Theme } from "./prefs";
import { followLinks, go, type PageName, route } from "./route";
import { duration, moment, speak, t } from "./words";

const JUST_NOW = 10;
const TYPING = "input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]";

const LOADERS: Partial<Record<PageName, () => Promise<unknown>>> = {
  alerts: () => import("./alerts"),
  seams: () => import("./seams"),
  journeys: () => import("./journeys"),
  teams: () => import("./teams"),
  promises: () => import("./promises"),
  portfolio: () => import("./portfolio"),
  insights: () => import("./insights"),
  rules: () => import("./rules"),
  sources: () => import("./sources"),
  audit: () => import("./audit"),
  wall: () => import("./wall"),
};
/** Pages by the name of what the API has to offer, and the right that they need besides reading alerts. */
const TABS = [["seams"], ["journeys"], ["teams"], ["promises"], ["portfolio"], ["insights"], ["rules"], ["sources", "sources:read"], ["audit", "audit:read"]] as const;

@customElement("sw-shell")
export class Shell extends Part {
  @state() private phase: "starting" | "out" | "in" | "failed" = "starting";
  private loaded = new Set<PageName>();
  private stale: string | undefined;
  private outdated = false;

  constructor() {
    super();
    this.hears(window, "route");
    this.hears(app, "change", "tick");
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("signed-out", () => this.out());
    window.addEventListener("route", () => void this.arrive());
    document.addEventListener("keydown", (event) => this.key(event));
    void this.begin();
  }

  private async begin(): Promise<void> {
    this.phase = "starting";
    try {
      const page = this.load(route().page);
      // A link is taken first: to ask who is here before would be refused, and logged by the browser as an error.
      const link = route().page === "enter" && location.hash.length > 1;
      if (!link && (await api.resume())) await Promise.all([page, this.in()]);
      else await this.out();
    } catch {
      this.phase = "failed";
    }
  }

  private async in(): Promise<void> {
    if (this.phase !== "in") {
      if (route().page === "alerts") app.list.prefetch(route().query);
      this.phase = "in";
      await app.begin();
    }
    const { page } = route();
    if (page === "login" || page === "enter") go("/alerts", true);
    await this.load(route().page);
  }

  private async out(): Promise<void> {
    if (this.phase === "in") app.end();
    await import("./login");
    this.phase = "out";
    const { page } = route();
    if (page !== "login" && page !== "enter") go(`/login?next=${encodeURIComponent(location.pathname + location.search)}`, true);
  }

  private async arrive(): Promise<void> {
    if (this.phase === "out" && api.session) await this.in();
    else if (this.phase === "in") await this.load(route().page);
  }

  private async load(page: PageName): Promise<void> {
    await LOADERS[page]?.();
    this.loaded.add(page);
    this.requestUpdate();
  }

  private key(event: KeyboardEvent): void {
    if (!prefs.shortcuts || this.phase !== "in" || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0] as Element;
    if (target.matches(TYPING)) {
      if (event.key === "Escape") (target as HTMLElement).blur();
      return;
    }
    if (document.querySelector("wa-dialog[open]")) return;
    if (event.key === "?") {
      void this.help();
    } else if (event.key === "/") {
      const words = document.querySelector<HTMLInputElement>("#words");
      words?.focus();
      words?.select();
    } else if (!this.querySelector<HTMLElement & { key(name: string): boolean }>("sw-alerts")?.key(event.key)) return;
    event.preventDefault();
  }

  private async help(): Promise<void> {
    const { open } = await import("./acts");
    const line = (key: string, words: string) => html`<div><dt><kbd>${key}</kbd></dt><dd>${words}</dd></div>`;
    open(t("keys.title"), () => html`<dl class="keys">
        ${line("j", t("keys.next"))} ${line("k", t("keys.previous"))} ${line("o", t("keys.open"))} ${line("Esc", t("keys.close"))}
        ${line("x", t("keys.select"))} ${line("a", t("act.acknowledge"))} ${line("c", t("act.assign"))} ${line("s", t("act.snooze"))}
        ${line("r", t("act.resolve"))} ${line("u", t("act.undo"))} ${app.reveals ? line("v", t("act.reveal")) : nothing} ${line("/", t("keys.words"))} ${line("?", t("keys.map"))}
      </dl>
      <label class="also"><input type="checkbox" .checked=${prefs.shortcuts} @change=${(event: Event) => { choose({ shortcuts: (event.target as HTMLInputElement).checked }); app.changed(); }}> ${t("keys.on")}</label>
      <div class="answers"><button class="button" data-close>${t("close")}</button></div>`);
  }

  private async settings(): Promise<void> {
    const { open } = await import("./acts");
    const check = (name: "shortcuts" | "sound" | "count", words: string) =>
      html`<label class="also"><input type="checkbox" .checked=${prefs[name]} @change=${(event: Event) => { choose({ [name]: (event.target as HTMLInputElement).checked }); app.changed(); }}> ${words}</label>`;
    open(api.session?.name ?? "", (dialog) => html`<div class="settings">
        <label>${t("settings.language")}<select name="language" @change=${async (event: Event) => { choose({ language: (event.target as HTMLSelectElement).value as Language }); await dress(); dialog.close(); this.again(); }}>
          ${(Object.keys(LANGUAGES) as Language[]).map((each) => html`<option value=${each} lang=${each} ?selected=${each === prefs.language}>${LANGUAGES[each]}</option>`)}</select></label>
        <label>${t("settings.theme")}<select name="theme" @change=${(event: Event) => { choose({ theme: (event.target as HTMLSelectElement).value as Theme }); void dress(); }}>
          ${(["system", "light", "dark"] as const).map((each) => html`<option value=${each} ?selected=${each === prefs.theme}>${t(`theme.${each}`)}</option>`)}</select></label>
        ${check("shortcuts", t("keys.on"))} ${check("sound", t("settings.sound"))} ${check("count", t("settings.count"))}
      </div>
      <div class="answers"><button class="plain" @click=${async () => { await api.signOut().catch(() => undefined); dialog.close(); await this.out(); }}>${t("settings.out")}</button>
        <button class="button" data-close>${t("close")}</button></div>`);
  }

  /** Draw the page anew, in another language. */
  private again(): void {
    this.phase = "starting";
    void this.updateComplete.then(() => (this.phase = "in"));
  }

  protected override render(): TemplateResult {
    if (this.phase === "starting") return html`<div class="starting" aria-busy="true"></div>`;
    if (this.phase === "failed") {
      return html`<main class="door"><div class="empty"><h1>${t("problem.unreachable")}</h1><p>${t("problem.unreachable_hint")}</p><button class="button" @click=${() => void this.begin()}>${t("again")}</button></div></main>`;
    }
    if (this.phase === "out") return html`<sw-login></sw-login>${this.toasts()}`;
    const { page } = route();
    const stale = app.staleness();
    if (page === "wall") return html`<div class="screen ${stale ? "stale" : ""}">${this.banner(stale)}${this.loaded.has(page) ? html`<sw-wall></sw-wall>` : nothing}</div>`;
    return html`
      <a class="skip" href="#main" @click=${(event: Event) => { event.preventDefault(); this.querySelector<HTMLElement>("#main")?.focus(); }}>${t("skip")}</a>
      <header class="top">
        <a class="brand" href="/alerts" aria-label="Seamwatch">${brand()}</a>
        <nav aria-label=${t("nav.title")}>
          ${this.tab("alerts", "/alerts", t("alerts.title"))}
          ${TABS.filter(([name, right]) => app.capabilities.pages[name] && (!right || api.session?.rights.includes(right))).map(([name]) => this.tab(name, `/${name}`, t(name === "teams" ? "nav.teams" : `${name}.title`)))}
          ${app.capabilities.pages["wallboard"] ? this.tab("wall", "/wall", t("wall.title")) : nothing}
        </nav>
        <p class="fresh">${this.freshness(stale)}</p>
        <button class="who-am-i" @click=${() => void this.settings()} aria-label=${t("settings.title", { name: api.session?.name ?? "" })}><bdi>${api.session?.name}</bdi></button>
      </header>
      ${this.banner(stale)}
      <main id="main" tabindex="-1" class=${stale ? "stale" : ""}>${this.page(page)}</main>
      ${this.toasts()}
    `;
  }

  protected override updated(): void {
    this.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.tell();
  }

  /** Say it when the data become old, and when they are fresh again: once, and not each second how old they are. */
  private tell(): void {
    const stale = this.phase === "in" ? app.staleness() : null;
    if (stale?.why !== this.stale) {
      this.stale = stale?.why;
      announce("fresh", stale ? t(`stale.${stale.why}`, { age: duration(stale.seconds), time: moment(stale.asOf) }) : t("announce.fresh"));
    }
    if (app.outdated && !this.outdated) announce("reload", t("reload.text"));
    this.outdated = app.outdated;
  }

  private tab(page: PageName, path: string, words: string): TemplateResult {
    return html`<a href=${path} aria-current=${route().page === page ? "page" : nothing}>${words}</a>`;
  }

  private page(page: PageName): TemplateResult | typeof nothing {
    if (!this.loaded.has(page)) return html`<div class="starting" aria-busy="true"></div>`;
    switch (page) {
      case "alerts":
        return html`<sw-alerts></sw-alerts>`;
      case "seams":
        return html`<sw-seams></sw-seams>`;
      case "journeys":
        return html`<sw-journeys></sw-journeys>`;
      case "teams":
        return html`<sw-teams></sw-teams>`;
      case "promises":
        return html`<sw-promises></sw-promises>`;
      case "portfolio":
        return html`<sw-portfolio></sw-portfolio>`;
      case "insights":
        return html`<sw-insights></sw-insights>`;
      case "rules":
        return html`<sw-rules></sw-rules>`;
      case "sources":
        return html`<sw-sources></sw-sources>`;
      case "audit":
        return html`<sw-audit></sw-audit>`;
      default:
        return nothing;
    }
  }

  private freshness(stale: ReturnType<typeof app.staleness>): TemplateResult {
    const age = app.age();
    if (stale || !app.live.up) return html`<span class="line down"></span>${t(stale ? `stale.${stale.why}_short` : "fresh.connecting")}`;
    if (age === null) return html`<span class="line"></span>${t("fresh.empty")}`;
    const words = app.freshness?.state === "quiet" ? "fresh.quiet" : age < JUST_NOW ? "fresh.now" : "fresh.live";
    return html`<span class="line"></span>${t(words, { age: duration(age) })}`;
  }

  private banner(stale: ReturnType<typeof app.staleness>): TemplateResult {
    if (!stale && !app.outdated) return html`<div class="banners"></div>`;
    return html`<div class="banners" role="region" aria-label=${t("banners.title")}>
      ${stale ? html`<p class="banner">${t(`stale.${stale.why}`, { age: duration(stale.seconds), time: moment(stale.asOf) })}</p>` : nothing}
      ${app.outdated ? html`<p class="banner new">${t("reload.text")} <button class="button" @click=${() => location.reload()}>${t("reload.do")}</button></p>` : nothing}
    </div>`;
  }

  private toasts(): TemplateResult {
    return html`<div class="notices" role="status" aria-live="polite">
      ${app.notices.map(({ id, text, kind, action }) => html`<p class="notice ${kind}"><bdi>${text}</bdi>
        ${action ? html`<button class="plain" @click=${() => { app.dismiss(id); action.run(); }}>${action.label}</button>` : nothing}
        <button class="plain x" aria-label=${t("close")} @click=${() => app.dismiss(id)}>×</button></p>`)}
    </div>`;
  }
}

/** Put on the chosen language and theme. */
async function dress(): Promise<void> {
  await speak();
  document.documentElement.dataset["theme"] = prefs.theme;
  if (prefs.language === "fa") await import("./persian");
}

await dress();
followLinks();
document.body.append(document.createElement("sw-shell"));
listen();
