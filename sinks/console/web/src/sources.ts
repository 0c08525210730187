/** What is read, what was refused and why, and how far all of it is stored. */

import { html, type TemplateResult } from "lit";
import { customElement } from "lit/decorators.js";
import { api } from "./api";
import { Part } from "./app";
import { ago } from "./marks";
import { page, table } from "./page";
import { Poll } from "./poll";
import type { DeadLetters, Freshness, SourceFigures } from "./wire";
import { moment, named, number, t } from "./words";

interface Read {
  sources: SourceFigures[];
  letters: DeadLetters;
  fresh: Freshness;
}

const NEWEST = 20;

@customElement("sw-sources")
export class Sources extends Part {
  private readonly poll = new Poll<Read>(this, async () => {
    const [{ items }, letters, fresh] = await Promise.all([api.sources(), api.deadLetters(NEWEST), api.freshness()]);
    return { sources: items, letters, fresh };
  });

  protected override render(): TemplateResult {
    return page({ title: t("sources.title"), lead: t("sources.lead") }, this.poll, ({ sources, letters, fresh }) => html`
      <section><h2>${t("sources.read")}</h2>${table(t("sources.read"), [t("sources.source"), t("sources.health"), t("sources.lately"), t("sources.ever"), t("sources.newest")], [2, 3, 4],
        sources.map(({ name, lately, refused, newest }) => html`<tr><th scope="row"><bdi>${name}</bdi></th>
          <td><span class="health ${lately ? "refuses" : "well"}">${t(lately ? "sources.refuses" : "sources.well")}</span></td>
          <td class="n">${number(lately)}</td><td class="n">${number(refused)}</td><td class="n">${newest ? ago(newest) : "–"}</td></tr>`))}</section>
      <section><h2>${t("letters.title")}</h2>
        ${letters.counts.length
          ? html`<p class="lead">${t("letters.lead")} <code>seamwatch dead-letters list</code></p>
            ${table(t("letters.title"), [t("letters.reason"), t("letters.topic"), t("sources.lately"), t("sources.ever"), t("sources.newest")], [2, 3, 4],
              letters.counts.map(({ reason, topic, lately, count, newest }) => html`<tr><th scope="row"><bdi>${named("letter", reason)}</bdi></th><td><code>${topic}</code></td>
                <td class="n">${number(lately)}</td><td class="n">${number(count)}</td><td class="n">${ago(newest)}</td></tr>`))}
            <details class="more"><summary>${t("letters.newest")}</summary>${table(t("letters.newest"), [t("letters.time"), t("letters.reason"), t("letters.place")], [],
              letters.newest.map(({ topic, partition, offset, reason, time }) => html`<tr><td><time datetime=${time}>${moment(time)}</time></td><td><bdi>${named("letter", reason)}</bdi></td><td><code>${topic} ${partition}:${offset}</code></td></tr>`))}</details>`
          : html`<p class="lead">${t("letters.none")}</p>`}</section>
      <section><h2>${t("stored.title")}</h2>
        ${fresh.partitions.length
          ? table(t("stored.title"), [t("letters.topic"), t("stored.partition"), t("stored.offset"), t("stored.appended"), t("stored.stored")], [1, 2, 3, 4],
              fresh.partitions.map(({ topic, partition, offset, appended, stored }) => html`<tr><th scope="row"><code>${topic}</code></th><td class="n">${number(partition)}</td><td class="n">${number(offset)}</td><td class="n">${ago(appended)}</td><td class="n">${ago(stored)}</td></tr>`))
          : html`<p class="lead">${t("stored.none")}</p>`}</section>`);
  }
}
