/** Acting on alerts: at once, or after a question; one or many; and what is said when somebody else was faster. */

import { html, nothing, render, type TemplateResult } from "lit";
import { until } from "lit/directives/until.js";
import { api, Problem } from "./api";
import { app, told } from "./app";
import { alertPath, go } from "./route";
import { headlineText } from "./marks";
import type { Alert, Change, Refused, Wish } from "./wire";
import { duration, moment, named, t } from "./words";

/** A key of the keyboard that acts: acknowledge, choose who has it, snooze, resolve. */
export type Act = "a" | "c" | "s" | "r";

export function ownName(): string {
  return api.session?.name ?? "";
}

/** Do one thing to one alert and say what became of it. */
export async function act(alert: Alert, wish: Wish): Promise<void> {
  try {
    const done = await app.list.act(alert, wish);
    const undo = wish.action === "undo" ? undefined : { label: t("act.undo"), run: () => void act(done, { action: "undo" }) };
    app.notify(t(`done.${wish.action}`), "done", undo);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    app.notify(problem.status === 409 ? faster(problem.body["first"] as Change | undefined, problem.detail) : told(problem), "refused", {
      label: t("act.look"),
      run: () => go(alertPath(alert.key)),
    });
    if (problem.status === 409) void refresh(alert.key);
  }
}

/** Show an alert as the server has it now. */
async function refresh(key: string): Promise<void> {
  try {
    const { alert } = await api.alert(key, "en");
    app.list.put(alert);
    app.dispatchEvent(new CustomEvent("alert", { detail: alert }));
  } catch {
    // the stream tells it later
  }
}

function faster(first: Change | null | undefined, detail: string): string {
  if (!first) return detail;
  const who = first.actor === "seamwatch" ? t("program") : first.actor;
  const to = first.reason === "assigned" || first.reason === "handed_over" ? ` ${first.assignee ?? ""}` : "";
  return t("faster", { who, what: named("did", first.reason) + to, when: moment(first.time) });
}

/** Ask what is needed for it, if anything, and do it. */
export async function ask(alert: Alert, what: Act): Promise<void> {
  const wish = what === "a" ? ({ action: "acknowledge" } as const) : await question(what, alert);
  if (wish) await act(alert, wish);
}

/** Do the same to many alerts and report those that refused. */
export async function bulk(keys: string[], what: Act): Promise<void> {
  const wish = what === "a" ? ({ action: "acknowledge" } as const) : await question(what, null, keys.length);
  if (wish) await changeAll(keys, wish);
}

/** Change all, say what became of it, and offer to take back what was done. */
async function changeAll(keys: string[], wish: Wish): Promise<void> {
  try {
    const { done, refused } = await api.changeAll(keys, wish);
    for (const alert of done) app.list.put(alert);
    app.list.selected.clear();
    for (const { key } of refused) app.list.selected.add(key);
    const undo = { label: t("act.undo"), run: () => void changeAll(done.map(({ key }) => key), { action: "undo" }) };
    if (done.length) app.notify(t("bulk.done", { n: done.length }), "done", wish.action === "undo" ? undefined : undo);
    if (refused.length) report(done.length, refused);
    app.changed();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    app.notify(told(problem), "refused");
  }
}

function report(done: number, refused: Refused[]): void {
  open(t("bulk.report"), () => html`
    <p>${done ? t("bulk.done", { n: done }) : nothing} ${t("bulk.refused", { n: refused.length })}</p>
    <ul class="refusals">
      ${refused.map(({ key, detail, first }) => {
        const item = app.list.row(key);
        return html`<li><a href=${alertPath(key)}>${item ? headlineText(item) : key.slice(0, 8)}</a> <bdi>${item?.alert.customer}</bdi>
          <p>${faster(first, detail)}</p></li>`;
      })}
    </ul>
    <div class="answers"><button class="button" data-close>${t("close")}</button></div>`);
}

/** Dialogs are half of what the page of alerts weighs, and no part of what is seen first: they come a moment later, or when one opens. */
const dialogs = () => import("@awesome.me/webawesome/dist/components/dialog/dialog.js");
setTimeout(() => void dialogs().catch(() => undefined), 2_000);

interface Opened {
  close: () => void;
}

/** Open a dialog with this content; what is focused before has the focus again afterwards. */
export function open(title: string, content: (dialog: Opened) => TemplateResult, closed?: () => void): Opened {
  void dialogs();
  const dialog = document.createElement("wa-dialog");
  dialog.label = title;
  dialog.withoutHeader = true;
  dialog.lightDismiss = true;
  const before = document.activeElement;
  const opened: Opened = { close: () => (dialog.open = false) };
  render(html`<h2>${title}</h2>${content(opened)}`, dialog);
  dialog.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-close], a[href]")) opened.close();
  });
  dialog.addEventListener("wa-after-hide", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    closed?.();
  });
  document.body.append(dialog);
  dialog.toggleAttribute("open", true); // which counts before the element is defined, too
  return opened;
}

function question(what: Exclude<Act, "a">, alert: Alert | null, many = 1): Promise<Wish | null> {
  return new Promise((resolve) => {
    let answer: Wish | null = null;
    const title = { c: t("ask.assign"), s: t("ask.snooze"), r: t("ask.resolve") }[what] + (many > 1 ? ` (${t("bulk.selected", { n: many })})` : "");
    const dialog = open(
      title,
      () => html`<form class="question" @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        answer = { c: assigned, s: snoozed, r: resolved }[what](new FormData(event.target as HTMLFormElement, event.submitter));
        if (answer) dialog.close();
      }}>
        ${{ c: () => assignForm(alert), s: snoozeForm, r: resolveForm }[what]()}
        <label class="note">${what === "c" && alert?.assignee && alert.assignee !== ownName() ? t("ask.note_needed") : t("ask.note")}
          <textarea name="note" rows="2" maxlength="4000" ?required=${what === "c" && !!alert?.assignee && alert.assignee !== ownName()}></textarea></label>
        <div class="answers">
          <button type="button" class="plain" data-close>${t("cancel")}</button>
          <button class="button primary">${t(({ c: "act.assign", s: "act.snooze", r: "act.resolve" } as const)[what])}</button>
        </div>
      </form>`,
      () => resolve(answer),
    );
  });
}

const HOUR = 3600;

function assignForm(alert: Alert | null): TemplateResult {
  const me = ownName();
  return html`<fieldset class="choices">
    <legend class="hidden">${t("ask.assign")}</legend>
    <label><input type="radio" name="to" value="me" ?checked=${alert?.assignee !== me} autofocus> ${t("ask.me")}</label>
    <label><input type="radio" name="to" value="other" ?checked=${alert?.assignee === me}> ${t("ask.other")}
      <input name="name" list="people" maxlength="128" autocomplete="off" aria-label=${t("ask.name")}
        @focus=${(event: Event) => ((event.target as Element).closest("label")?.querySelector<HTMLInputElement>("[type=radio]") ?? { checked: false }).checked = true}></label>
    <label><input type="radio" name="to" value="nobody"> ${t("ask.nobody")}</label>
    <datalist id="people">${until(people(), nothing)}</datalist>
  </fieldset>`;
}

async function people(): Promise<TemplateResult[]> {
  const names = await api.people().catch(() => []);
  return names.map((name) => html`<option value=${name}></option>`);
}

function assigned(data: FormData): Wish | null {
  const to = { me: ownName(), other: String(data.get("name")).trim(), nobody: null }[String(data.get("to"))];
  return to === "" || to === undefined ? null : { action: "assign", to, ...note(data) };
}

function tomorrow(): Date {
  const day = new Date();
  day.setDate(day.getDate() + 1);
  day.setHours(8, 0, 0, 0);
  return day;
}

function snoozeForm(): TemplateResult {
  const choice = (value: string, words: string, first = false) =>
    html`<label><input type="radio" name="until" value=${value} ?checked=${first} ?autofocus=${first}> ${words}</label>`;
  return html`<fieldset class="choices">
      <legend class="hidden">${t("ask.snooze")}</legend>
      ${choice("1800", duration(1800), true)} ${choice("7200", duration(2 * HOUR))} ${choice("28800", duration(8 * HOUR))}
      ${choice("tomorrow", t("ask.tomorrow", { time: moment(tomorrow()) }))}
      <label><input type="radio" name="until" value="time"> ${t("ask.time")} <input type="datetime-local" name="time" aria-label=${t("ask.time")}></label>
      ${choice("worse", t("ask.only_worse"))}
    </fieldset>
    <label class="also"><input type="checkbox" name="worse" checked> ${t("ask.or_worse")}</label>`;
}

function snoozed(data: FormData): Wish | null {
  const until = String(data.get("until"));
  if (until === "worse") return { action: "snooze", worse: true, ...note(data) };
  const time = until === "tomorrow" ? tomorrow() : until === "time" ? new Date(String(data.get("time"))) : new Date(app.now() + Number(until) * 1000);
  if (Number.isNaN(time.getTime())) return null;
  return { action: "snooze", until: time.toISOString(), worse: data.has("worse"), ...note(data) };
}

function resolveForm(): TemplateResult {
  return html`<fieldset class="choices">
    <legend class="hidden">${t("ask.resolve")}</legend>
    <label><input type="radio" name="outcome" value="fixed" checked autofocus> <span>${t("outcome.fixed")}<small>${t("ask.fixed_hint")}</small></span></label>
    <label><input type="radio" name="outcome" value="false_positive"> <span>${t("outcome.false_positive")}<small>${t("ask.false_hint")}</small></span></label>
    <label><input type="radio" name="outcome" value="duplicate"> <span>${t("outcome.duplicate")}<small>${t("ask.duplicate_hint")}</small>
      <input name="of" maxlength="128" autocomplete="off" aria-label=${t("ask.duplicate_of")}
        @focus=${(event: Event) => ((event.target as Element).closest("label")?.querySelector<HTMLInputElement>("[type=radio]") ?? { checked: false }).checked = true}></span></label>
  </fieldset>`;
}

function resolved(data: FormData): Wish | null {
  const outcome = String(data.get("outcome")) as "fixed" | "false_positive" | "duplicate";
  const of = String(data.get("of")).trim().replace(/^.*\/alerts\//, "").replace(/\?.*$/, "");
  if (outcome === "duplicate") return of ? { action: "resolve", outcome, of, ...note(data) } : null;
  return { action: "resolve", outcome, ...note(data) };
}

function note(data: FormData): { note?: string } {
  const words = String(data.get("note") ?? "").trim();
  return words ? { note: words } : {};
}
