/** What pages of figures have in common: a heading, choices, and what is said while there is nothing to show. */

import { html, nothing, type TemplateResult } from "lit";
import { told } from "./app";
import type { Poll } from "./poll";
import { t } from "./words";

interface Frame {
  title: string;
  lead: string;
  chips?: TemplateResult | undefined;
  /** What is said where there is nothing: a sentence, and what to do. */
  none?: { title: string; hint: string } | undefined;
}

/** Draw a page; `body` makes it of what was read, null where that is nothing. */
export function page<T>({ title, lead, chips, none }: Frame, poll: Poll<T>, body: (value: T) => TemplateResult | null): TemplateResult {
  const { value, problem } = poll;
  const drawn = value === null ? null : body(value);
  return html`<div class="page" aria-busy=${String(value === null && !problem)}>
    <header><h1>${title}</h1><p class="lead">${lead}</p>${chips ? html`<div class="chips">${chips}</div>` : nothing}</header>
    ${problem && value === null ? unread(poll) : problem ? html`<p class="refused">${told(problem)}</p>` : nothing}
    ${value !== null && !drawn && none ? html`<div class="empty"><h2>${none.title}</h2><p>${none.hint}</p></div>` : nothing}
    ${drawn ?? nothing}
  </div>`;
}

/** What is said where figures could not be read. */
export function unread(poll: Poll<unknown>): TemplateResult {
  return html`<div class="empty"><h2>${t("page.failed")}</h2><p>${poll.problem ? told(poll.problem) : nothing}</p>
    <button class="button" @click=${() => void poll.read()}>${t("again")}</button></div>`;
}

/** A choice among others. */
export function chip(words: unknown, chosen: boolean, choose: () => void): TemplateResult {
  return html`<button class="chip" aria-pressed=${String(chosen)} @click=${choose}>${words}</button>`;
}

/** A table that scrolls by itself where the screen is narrower; `numbers` are the columns of figures. */
export function table(title: string, heads: string[], numbers: number[], rows: TemplateResult[]): TemplateResult {
  return html`<div class="wide" role="region" aria-label=${title} tabindex="0"><table>
    <thead><tr>${heads.map((head, at) => html`<th scope="col" class=${numbers.includes(at) ? "n" : ""}>${head}</th>`)}</tr></thead>
    <tbody>${rows}</tbody></table></div>`;
}
