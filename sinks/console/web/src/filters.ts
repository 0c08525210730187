/** What the list is narrowed to: words, and chips for every value chosen. All of it is in the address. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api } from "./api";
import { app, Part } from "./app";
import { field, severity, side, sides } from "./marks";
import { choose, prefs } from "./prefs";
import { alertPath, FILTERS, type FilterName, filters, go, GROUPS, route, set, toggle } from "./route";
import type { FacetName, Facets } from "./wire";
import { named, number, t } from "./words";

/** How long at most what is typed waits for the answer to what was typed before, in milliseconds. */
const TYPING = 120;
const MOST_VALUES = 12;
const AGES = ["15m", "1h", "8h", "24h", "7d"] as const;

/** A value of a filter as people call it. */
export function valueName(name: FilterName, value: string): string {
  switch (name) {
    case "severity":
      return named("severity", value);
    case "state":
      return named("state", value);
    case "detector":
      return named("what", value, { field: field(null) });
    case "seam":
      return sides(value).map(side).join(" → ");
    case "channel":
      return named("channel", value);
    case "assignee":
      return value === "-" ? t("ask.nobody") : value;
    case "rule":
    case "team":
    case "customer":
      return value;
  }
}

@customElement("sw-filters")
export class Filters extends Part {
  @state() private facets: Facets | null = null;
  @state() private shown = false;
  /** The words that the list is narrowed to, as they were typed or as the address has them. */
  private words = "";
  private typing = false;

  constructor() {
    super();
    this.hears(window, "route");
  }

  protected override render(): TemplateResult {
    const { query } = route();
    const quick = (name: string, value: string, words: unknown) =>
      html`<button class="chip" aria-pressed=${String(query.getAll(name).includes(value))} @click=${() => toggle(name, value)}>${words}</button>`;
    return html`<div class="filters" role="search">
      <div class="line">
        <input id="words" type="search" placeholder=${t("filters.words")} aria-label=${t("filters.words")}
          aria-keyshortcuts=${prefs.shortcuts ? "/" : nothing} maxlength="200" @input=${this.typed} @compositionend=${this.typed}>
        <button class="button" aria-expanded=${String(this.shown)} aria-controls="facets" @click=${this.open}>${t("filters.open")}</button>
        ${this.views()}
        <select class="group" aria-label=${t("group.title")} @change=${(event: Event) => set("group", (event.target as HTMLSelectElement).value)}>
          ${(["", ...GROUPS] as const).map((by) => html`<option value=${by} ?selected=${(query.get("group") ?? "") === by}>${t(`group.${by || "none"}`)}</option>`)}
        </select>
      </div>
      <div class="chips">
        ${quick("severity", "critical", severity("critical"))} ${quick("severity", "warning", severity("warning"))}
        ${quick("mine", "true", t("filters.mine"))} ${quick("assignee", "-", t("filters.nobodys"))}
        ${this.chosen(query)}
      </div>
      ${this.shown ? this.panel(query) : nothing}
    </div>`;
  }

  private chosen(query: URLSearchParams): unknown {
    const chips = FILTERS.flatMap((name) => query.getAll(name).map((value) => ({ name, value, words: `${t(`filter.${name}`)}: ${valueName(name, value)}` })))
      .filter(({ name, value }) => !(name === "severity" && value !== "info") && !(name === "assignee" && value === "-"));
    const age = query.get("age");
    return html`
      ${chips.map(({ name, value, words }) => html`<button class="chip on" @click=${() => toggle(name, value)}><bdi>${words}</bdi><span class="x" aria-hidden="true">×</span><span class="hidden">${t("filters.drop")}</span></button>`)}
      ${age ? html`<button class="chip on" @click=${() => set("age", null)}><bdi>${t("filters.age", { age: AGES.some((each) => each === age) ? t(`age.${age as (typeof AGES)[number]}`) : age })}</bdi><span class="x" aria-hidden="true">×</span><span class="hidden">${t("filters.drop")}</span></button>` : nothing}
      ${query.size ? html`<a class="clear" href="/alerts">${t("filters.clear")}</a>` : nothing}`;
  }

  private views(): TemplateResult {
    const words = route().query.toString();
    const keep = (event: SubmitEvent, close: () => void) => {
      event.preventDefault();
      const name = String(new FormData(event.target as HTMLFormElement).get("name")).trim();
      if (!name) return;
      choose({ views: [...prefs.views.filter((each) => each.name !== name), { name, query: words }] });
      close();
      this.requestUpdate();
    };
    const ask = async () => {
      const { open } = await import("./acts");
      open(t("views.keep"), (dialog) => html`<form class="question" @submit=${(event: SubmitEvent) => keep(event, dialog.close)}>
        <label class="note">${t("views.name")}<input name="name" required maxlength="80" autocomplete="off" autofocus></label>
        <div class="answers"><button type="button" class="plain" data-close>${t("cancel")}</button><button class="button primary">${t("views.keep")}</button></div>
      </form>`);
    };
    const forget = () => {
      choose({ views: prefs.views.filter((each) => each.query !== words) });
      this.requestUpdate();
    };
    return html`
      ${prefs.views.length
        ? html`<select aria-label=${t("views.title")} @change=${(event: Event) => go(`/alerts?${(event.target as HTMLSelectElement).value}`)}>
            <option value=${words}>${t("views.title")}</option>
            ${prefs.views.map((each) => html`<option value=${each.query} ?selected=${each.query === words}>${each.name}</option>`)}
          </select>`
        : nothing}
      ${words && prefs.views.some((each) => each.query === words) ? html`<button class="plain" @click=${forget}>${t("views.drop")}</button>` : nothing}
      ${words && !prefs.views.some((each) => each.query === words) ? html`<button class="plain" @click=${() => void ask()}>${t("views.keep")}</button>` : nothing}`;
  }

  private panel(query: URLSearchParams): TemplateResult {
    if (!this.facets) return html`<div id="facets" class="facets" aria-busy="true"></div>`;
    const group = (name: FacetName) => {
      const counts: Record<string, number> = this.facets?.[name] ?? {};
      const values = this.places(name, query).map((value) => [value, counts[value] ?? 0] as const);
      return values.length
        ? html`<fieldset>
            <legend>${t(`filter.${name}`)}</legend>
            ${values.map(([value, count]) => html`<label><input type="checkbox" .checked=${query.getAll(name).includes(value)} @change=${() => (name === "assignee" ? set(name, query.get(name) === value ? null : value) : toggle(name, value))}>
              <bdi>${valueName(name, value)}</bdi><span class="n">${number(count)}</span></label>`)}
          </fieldset>`
        : nothing;
    };
    return html`<div id="facets" class="facets">
      ${(["severity", "state", "detector", "seam", "team", "channel", "assignee"] as const).map(group)}
      <fieldset><legend>${t("filter.age")}</legend>
        ${AGES.map((age) => html`<label><input type="radio" name="age" .checked=${query.get("age") === age} @change=${() => set("age", age)}><bdi>${t(`age.${age}`)}</bdi></label>`)}
      </fieldset>
    </div>`;
  }

  /** The values of a filter, each in the place that it has had since the panel was opened: counts change, and nothing moves under the hand. */
  private places(name: FacetName, query: URLSearchParams): string[] {
    const places = (this.placed[name] ??= []);
    const counted = Object.entries(this.facets?.[name] ?? {}).sort(([, one], [, other]) => other - one);
    for (const [value] of counted) if (places.length < MOST_VALUES && !places.includes(value)) places.push(value);
    for (const value of query.getAll(name)) if (!places.includes(value)) places.push(value);
    return places;
  }

  private placed: Partial<Record<FacetName, string[]>> = {};

  private readonly open = (): void => {
    this.shown = !this.shown;
    this.placed = {};
    if (this.shown) void this.count();
  };

  protected override updated(): void {
    const told = route().query.get("q") ?? "";
    const box = this.querySelector<HTMLInputElement>("#words");
    // What is being typed stays as it is: a space at its end is no part of the address.
    if (box && !this.typing && told !== this.words) box.value = this.words = told;
    if (this.shown && filters().toString() !== this.counted) void this.count();
  }

  private counted = "";

  /** Count anew once the list is there: both at once, each would wait for the other. */
  private async count(): Promise<void> {
    const words = (this.counted = filters().toString());
    await app.list.settled;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    if (words !== this.counted) return;
    const facets = await api.facets(words).catch(() => this.facets);
    if (words === this.counted) this.facets = facets;
  }

  private readonly typed = (event: Event): void => {
    if (event instanceof InputEvent && event.isComposing) return; // letters on the way to a word, as Chinese is typed
    this.words = (event.target as HTMLInputElement).value.trim();
    if (!this.typing) void this.narrow();
  };

  /** Narrow the list to what is typed: at once, while typing goes on whenever the last answer is there. */
  private async narrow(): Promise<void> {
    this.typing = true;
    while (this.words !== (route().query.get("q") ?? "") && this.isConnected) {
      set("q", this.words || null, true);
      await Promise.race([app.list.settled, new Promise((resolve) => setTimeout(resolve, TYPING))]);
    }
    this.typing = false;
  }
}

/** The address of the list narrowed to one value. */
export function narrowed(name: FilterName, value: string): string {
  return alertPath(null, new URLSearchParams([[name, value]]));
}
