/** One alert: both moments side by side, the rule, the story, and who did what. */

import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { act, ask, open, ownName, type Act } from "./acts";
import { api, Problem } from "./api";
import { app, Part, told } from "./app";
import { customer, field, headline, seam, sentence, severity, standing } from "./marks";
import { prefs } from "./prefs";
import { alertPath } from "./route";
import { ruleOf } from "./rule";
import { REPEATED, storyOf } from "./story";
import type { Alert, Brief, Change, Details, Evidence, Finding, Node, StoryPart } from "./wire";
import { isNamed, moment, named, number, precisely, t } from "./words";

const SHOWN = 5;
const REVEALED_MS = 30_000;

@customElement("sw-alert")
export class AlertView extends Part {
  @property() key = "";
  @state() private details: Details | null = null;
  @state() private problem: Problem | null = null;
  @state() private chosen = 0;
  @state() private all = false;
  /** What was said at one moment, for as long as it is shown; `ready` false: it is looked for. */
  @state() private said: { of: Evidence; ready: boolean; value: string | null; text: string | null } | null = null;
  private hiding = 0;
  private reading = false;
  private again = false;

  override connectedCallback(): void {
    super.connectedCallback();
    app.addEventListener("alert", this.changed);
    app.list.addEventListener("alert", this.changed);
    app.addEventListener("missed", this.read);
    window.addEventListener("blur", this.hide);
    document.addEventListener("visibilitychange", this.hide);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    app.removeEventListener("alert", this.changed);
    app.list.removeEventListener("alert", this.changed);
    app.removeEventListener("missed", this.read);
    window.removeEventListener("blur", this.hide);
    document.removeEventListener("visibilitychange", this.hide);
    this.hide();
  }

  protected override willUpdate(changes: PropertyValues<this>): void {
    if (!changes.has("key")) return;
    this.details = null;
    this.chosen = 0;
    this.all = false;
    this.hide();
    void this.read();
  }

  private readonly changed = (event: Event): void => {
    const { detail } = event as CustomEvent<Alert>;
    if (detail.key !== this.key || !this.details) return;
    const { version } = this.details.alert;
    if (detail.version < version) return;
    this.details = { ...this.details, alert: detail };
    if (detail.version > version) void this.read();
  };

  private readonly hide = (): void => {
    clearTimeout(this.hiding);
    this.said = null;
  };

  /** Ask which moment is to be shown in full, and why, and show it for half a minute. */
  reveal(chosen?: Evidence): void {
    const finding = (this.details?.findings[this.chosen] ?? this.details?.findings[0])?.finding;
    const moments = momentsOf(finding);
    if (!app.reveals || !moments.length) return;
    const ask = (event: SubmitEvent, close: () => void) => {
      event.preventDefault();
      const data = new FormData(event.target as HTMLFormElement);
      const reason = String(data.get("reason")).trim();
      const which = moments[Number(data.get("moment"))];
      if (reason.length < 3 || !which) return;
      close();
      void this.look(which[1], reason);
    };
    open(t("reveal.title"), (dialog) => html`<form class="question" @submit=${(event: SubmitEvent) => ask(event, dialog.close)}>
      <p>${t("reveal.lead")}</p>
      <fieldset class="choices">
        <legend class="hidden">${t("reveal.moment")}</legend>
        ${moments.map(([words, each], index) => html`<label><input type="radio" name="moment" value=${index} ?checked=${each === (chosen ?? moments[0]?.[1])}>
          <span>${words}<small>${named("event", each.type)} · <time datetime=${each.time}>${moment(each.time)}</time></small></span></label>`)}
      </fieldset>
      <label class="note">${t("reveal.reason")}<input name="reason" required minlength="3" maxlength="300" autocomplete="off" autofocus></label>
      <div class="answers"><button type="button" class="plain" data-close>${t("cancel")}</button><button class="button primary">${t("act.reveal")}</button></div>
    </form>`);
  }

  private async look(of: Evidence, reason: string): Promise<void> {
    const { key } = this;
    const waiting = { of, ready: false, value: null, text: null };
    this.said = waiting;
    try {
      const { value, text } = await api.reveal(key, of.source, of.id, reason);
      if (this.said !== waiting) return; // the reader has gone elsewhere meanwhile
      this.said = { of, ready: true, value, text };
      this.hiding = window.setTimeout(this.hide, REVEALED_MS);
    } catch (problem) {
      if (this.said === waiting) this.hide();
      if (!(problem instanceof Problem)) throw problem;
      app.notify(told(problem), "refused");
    }
  }

  /** Read the alert; one answer after the other, so that none is followed by an older one. */
  private readonly read = async (): Promise<void> => {
    this.again = true;
    if (this.reading) return;
    this.reading = true;
    while (this.again) {
      this.again = false;
      await this.readOnce();
    }
    this.reading = false;
  };

  private async readOnce(): Promise<void> {
    const { key } = this;
    try {
      const details = await api.alert(key, prefs.language);
      if (key !== this.key) return;
      this.details = details;
      this.problem = null;
    } catch (problem) {
      if (key === this.key) this.problem = problem instanceof Problem ? problem : new Problem(0, String(problem));
    }
  }

  protected override render(): TemplateResult {
    const back = html`<button class="plain back" @click=${() => this.dispatchEvent(new Event("close"))}>${t("alert.back")}</button>`;
    if (this.problem && !this.details) {
      return html`<article class="alert">${back}<div class="empty"><h2>${t("alert.failed")}</h2><p>${told(this.problem)}</p>
        <button class="button" @click=${() => void this.read()}>${t("again")}</button></div></article>`;
    }
    if (!this.details) return html`<article class="alert" aria-busy="true">${back}<div class="blank"></div></article>`;
    const { alert, findings, changes, story, rules, brief } = this.details;
    const node = findings[this.chosen] ?? findings[0];
    return html`<article class="alert">
      ${back}
      <header>
        <p class="kicker">${severity(alert.severity)}${seam(alert.seam)}${customer(alert.customer)}</p>
        <h1>${headline(alert, node?.finding ?? null)}</h1>
        ${node ? html`<p class="what">${sentence(node.words.language, node.words.what)}</p>` : nothing}
        ${this.where(alert)} ${app.acts ? this.actions(alert) : nothing}
      </header>
      ${node ? html`${this.moments(node.finding, story)} ${this.advice(node)} ${ruleOf(node.finding, rules)}` : html`<p>${t("alert.bare")}</p>`}
      ${brief ? this.briefed(brief) : nothing}
      ${findings.length > 1 ? this.others(findings) : nothing}
      ${story.length ? html`<section class="story"><h2>${t("alert.story")}</h2>${storyOf(story, node?.finding)}</section>` : nothing}
      ${this.history(changes)}
    </article>`;
  }

  private where(alert: Alert): TemplateResult {
    const words = standing(alert) || t("state.open");
    return html`<p class="where"><span class="state ${alert.state}">${words}</span>
      <span>${alert.assignee ? html`${t("alert.has")} <bdi><b>${alert.assignee === ownName() ? t("you") : alert.assignee}</b></bdi>` : t("alert.nobody")}</span>
      <span>${t("alerts.times", { n: alert.occurrences })}</span>
      <span>${t("alert.last")} <time datetime=${alert.last_seen}>${moment(alert.last_seen)}</time></span>
      ${alert.duplicate_of ? html`<a href=${alertPath(alert.duplicate_of)}>${t("alert.duplicate")}</a>` : nothing}</p>`;
  }

  private actions(alert: Alert): TemplateResult {
    const button = (key: Act, words: string, kind = "") =>
      html`<button class="button ${kind}" aria-keyshortcuts=${prefs.shortcuts ? key : nothing} @click=${() => void ask(alert, key)}>${words}${prefs.shortcuts ? html`<kbd aria-hidden="true">${key}</kbd>` : nothing}</button>`;
    const own = this.details?.changes.at(-1);
    return html`<div class="acts" role="group" aria-label=${t("alert.acts")}>
      ${alert.state !== "acknowledged" && alert.state !== "resolved" ? button("a", t("act.acknowledge"), "primary") : nothing}
      ${alert.state !== "resolved" ? html`${button("c", t("act.assign"))} ${button("s", t("act.snooze"))} ${button("r", t("act.resolve"))}` : nothing}
      ${alert.state === "resolved" || alert.state === "acknowledged" || alert.state === "snoozed"
        ? html`<button class="button" @click=${() => void act(alert, { action: "reopen" })}>${t("act.reopen")}</button>`
        : nothing}
      ${own?.actor === ownName() && own.version === alert.version && own.reason !== "undone"
        ? html`<button class="plain" aria-keyshortcuts=${prefs.shortcuts ? "u" : nothing} @click=${() => void act(alert, { action: "undo" })}>${t("act.undo")}</button>`
        : nothing}
    </div>`;
  }

  private moments(finding: Finding, story: StoryPart[]): TemplateResult | typeof nothing {
    const { first, again } = finding;
    if (!first && !again) return nothing;
    const until = again?.time ?? finding.time;
    const gap = first ? Math.max(0, (new Date(until).getTime() - new Date(first.time).getTime()) / 1000) : 0;
    const known = knownAs(story, finding);
    const same = first && again && first.id === again.id;
    return html`<section class="moments ${finding.severity}" aria-label=${t("alert.moments")}>
      ${first && !same ? this.moment(t("moment.first"), first, known) : nothing}
      ${first && !same ? html`<p class="gap"><span><b>${precisely(gap)}</b><small>${this.crossing(first, again)}</small></span></p>` : nothing}
      ${again
        ? this.moment(t(REPEATED.has(finding.detector) ? "moment.again" : "moment.then"), again, known, "again")
        : html`<div class="moment again absent"><h2>${t("moment.then")}</h2><p class="verb">${named("absent", finding.detector)}</p>
            <p class="at">${t("moment.by")} <time datetime=${finding.time}>${moment(finding.time)}</time></p></div>`}
    </section>`;
  }

  private crossing(first: Evidence, again: Evidence | null): string {
    if (!again) return "";
    if (first.channel !== again.channel) return t("moment.other_channel");
    if (first.team !== again.team) return t("moment.other_team");
    return "";
  }

  private moment(title: string, evidence: Evidence, known: string | null, kind = ""): TemplateResult {
    const mask = evidence.mask ?? known;
    const said = this.said && this.said.of.id === evidence.id && this.said.of.source === evidence.source ? this.said : null;
    return html`<div class="moment ${kind}">
      <h2>${title}</h2>
      <p class="verb">${named("event", evidence.type)}</p>
      ${evidence.field ? html`<p class="value"><span>${field(evidence.field)}</span>${said?.value ? html`<bdi class="mask">${said.value}</bdi>` : mask ? html`<bdi dir="ltr" class="mask">${mask}</bdi>` : html`<i>${t("moment.hidden")}</i>`}</p>` : nothing}
      ${said ? this.revealed(said) : nothing}
      <p class="at"><time datetime=${evidence.time}>${moment(evidence.time)}</time></p>
      <p class="place"><bdi>${evidence.team ?? t("team.unknown")}</bdi><span>${named("channel", evidence.channel)}</span></p>
      ${app.reveals && !said ? html`<p><button class="plain" aria-keyshortcuts=${prefs.shortcuts ? "v" : nothing} @click=${() => this.reveal(evidence)}>${t("act.reveal")}</button></p>` : nothing}
    </div>`;
  }

  private revealed({ ready, value, text }: NonNullable<typeof this.said>): TemplateResult {
    return html`<div role="status" class="said">${ready
      ? html`${text ? html`<blockquote><bdi>${text}</bdi></blockquote>` : nothing}
          ${value || text ? nothing : html`<p>${t("reveal.nothing")}</p>`}
          <p class="soft">${t("reveal.hides")} <button class="plain" @click=${this.hide}>${t("reveal.hide")}</button></p>`
      : html`<p class="soft" aria-busy="true">${t("reveal.looking")}</p>`}</div>`;
  }

  private advice({ words }: Node): TemplateResult | typeof nothing {
    if (!words.first && !words.why) return nothing;
    return html`<section class="advice" lang=${words.language}>
      <div><h2>${t("alert.first")}</h2><p>${sentence(words.language, words.first)}</p></div>
      <div><h2>${t("alert.why")}</h2><p>${sentence(words.language, words.why)}</p></div>
    </section>`;
  }

  private briefed({ given, authentication, promises, facts, to_team, time }: Brief): TemplateResult {
    const line = (kind: string, words: string, what: TemplateResult | string) => html`<li class=${kind}><span>${words}</span> ${what}</li>`;
    return html`<section class="brief">
      <h2>${to_team ? t("brief.for") : t("brief.next")}${to_team ? html` <bdi>${to_team}</bdi>` : nothing}</h2>
      <ul>
        ${given.map(({ field: name, mask, status }) =>
          line(status, t(`brief.${status}`), html`<b>${field(name)}</b>${status === "on_file" ? nothing : html` <bdi dir="ltr" class="mask">${mask}</bdi>`}`))}
        ${authentication ? line("read_back", t("brief.proved"), html`<time datetime=${authentication.until}>${moment(authentication.until)}</time>`) : nothing}
        ${promises.map(({ about, due, team, state }) =>
          line(state, t(`brief.${state}`), html`<time datetime=${due}>${moment(due)}</time>${about ? html` <b><bdi>${about}</bdi></b>` : nothing}${team ? html` · <bdi>${team}</bdi>` : nothing}`))}
        ${facts.map(({ fact, value, team }) => line("stated", t("brief.stated"), html`<b>${named("fact", fact)}</b> <bdi>${value}</bdi>${team ? html` · <bdi>${team}</bdi>` : nothing}`))}
        ${given.length + promises.length + facts.length || authentication ? nothing : html`<li>${t("brief.nothing")}</li>`}
      </ul>
      <p class="version">${t("brief.of")} <time datetime=${time}>${moment(time)}</time></p>
    </section>`;
  }

  private others(findings: Node[]): TemplateResult {
    const shown = this.all ? findings : findings.slice(0, SHOWN);
    return html`<section class="findings">
      <h2>${t("alert.findings", { n: findings.length })}</h2>
      <ul>
        ${shown.map((node, index) => html`<li class=${node.finding.withdrawn ? "withdrawn" : ""}>
          <button class="finding" aria-pressed=${String(index === this.chosen)} @click=${() => (this.chosen = index)}>
            <time datetime=${node.finding.time}>${moment(node.finding.time)}</time>
            <span>${[node.finding.field ? field(node.finding.field) : "", isNamed("why", node.finding.reason) ? named("why", node.finding.reason) : ""].filter(Boolean).join(" · ")}</span>
            ${node.finding.withdrawn ? html`<em>${t("alert.withdrawn")}</em>` : nothing}</button>
          ${node.explains.length
            ? html`<details><summary>${t("alert.explains", { n: node.explains.length })}</summary><ul>
                ${node.explains.map((each) => html`<li>${severity(each.finding.severity)} ${sentence(each.words.language, each.words.what)}</li>`)}</ul></details>`
            : nothing}</li>`)}
      </ul>
      ${findings.length > shown.length ? html`<button class="plain" @click=${() => (this.all = true)}>${t("alert.more", { n: findings.length - shown.length })}</button>` : nothing}
    </section>`;
  }

  private history(changes: Change[]): TemplateResult {
    return html`<section class="history">
      <h2>${t("alert.history")}</h2>
      <ol>
        ${[...changes].reverse().map((change) => html`<li>
          <time datetime=${change.time}>${moment(change.time)}</time>
          <div><p><bdi><b>${change.actor === "seamwatch" ? t("program") : change.actor === ownName() ? t("you") : change.actor}</b></bdi> ${named("did", change.reason)}
            ${change.reason === "assigned" || change.reason === "handed_over" ? html`<bdi>${change.assignee}</bdi>` : nothing}
            ${change.reason === "snoozed" && change.snoozed_until ? html`<time datetime=${change.snoozed_until}>${moment(change.snoozed_until)}</time>` : nothing}</p>
            ${change.note ? html`<blockquote><bdi>${change.note}</bdi></blockquote>` : nothing}</div>
        </li>`)}
      </ol>
      <p class="version">${t("alert.version", { n: number(changes.at(-1)?.version ?? 0) })}</p>
    </section>`;
  }
}

/** The moments of a finding that can be shown in full, by what the page calls them. */
function momentsOf(finding: Finding | undefined): [string, Evidence][] {
  if (!finding) return [];
  const { first, again, detector } = finding;
  const then: [string, Evidence][] = again ? [[t(REPEATED.has(detector) ? "moment.again" : "moment.then"), again]] : [];
  return first && first.id !== again?.id ? [[t("moment.first"), first], ...then] : then;
}

/** The mask of the value that a finding is about: a request has none of its own, and the latest one told before it is what was asked for. */
function knownAs(story: StoryPart[], { field: name, first, again, time }: Finding): string | null {
  const until = again?.time ?? time;
  const told = story.filter(({ evidence }) => evidence.field === name && evidence.mask && evidence.time <= until);
  return first?.mask ?? told.at(-1)?.evidence.mask ?? null;
}
