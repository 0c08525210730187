/** What the list is narrowed to: words, and chips for every value chosen. All of it is in the address. */

import { html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { api } from "./api";
import { Part } from "./app";
import { field, severity, side, sides } from "./marks";
import { choose, prefs } from "./prefs";
import { alertPath, FILTERS, type FilterName, filters, go, GROUPS, route, set, toggle } from "./route";
import type { FacetName, Facets, Severity } from "./wire";
import { named, number, t } from "./words";

const TYPING = 120;
const AGES = ["15m", "1h", "8h", "24h", "7d"] as const;

/** A value of a filter as people call it. */
export function valueName(name: FilterName, value: string): string {
  switch (name) {
    case "severity":
      return t(`severity.${value as Severity}`);
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
  private typing = 0;

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
        <input id="words" type="search" .value=${query.get("q") ?? ""} placeholder=${t("filters.words")} aria-label=${t("filters.words")}
          aria-keyshortcuts=${prefs.shortcuts ? "/" : nothing} maxlength="200" @input=${this.typed}>
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
      ${age ? html`<button class="chip on" @click=${() => set("age", null)}><bdi>${t("filters.age", { age })}</bdi><span class="x" aria-hidden="true">×</span><span class="hidden">${t("filters.drop")}</span></button>` : nothing}
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
      const counts = { ...Object.fromEntries(query.getAll(name).map((value) => [value, 0])), ...this.facets?.[name] };
      const values = Object.entries(counts).sort(([, one], [, other]) => other - one).slice(0, 12);
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

  private readonly open = (): void => {
    this.shown = !this.shown;
    if (this.shown) void this.count();
  };

  protected override updated(): void {
    const words = filters().toString();
    if (this.shown && words !== this.counted) void this.count();
  }

  private counted = "";

  private async count(): Promise<void> {
    this.counted = filters().toString();
    this.facets = await api.facets(this.counted).catch(() => this.facets);
  }

  private readonly typed = (event: Event): void => {
    clearTimeout(this.typing);
    const { value } = event.target as HTMLInputElement;
    this.typing = window.setTimeout(() => set("q", value.trim() || null, true), TYPING);
  };
}

/** The address of the list narrowed to one value. */
export function narrowed(name: FilterName, value: string): string {
  return alertPath(null, new URLSearchParams([[name, value]]));
}
