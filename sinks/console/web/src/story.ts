/** A journey as a line of touchpoints: across contacts, channels and teams. */

import { html, nothing, type TemplateResult } from "lit";
import { field } from "./marks";
import type { Finding, StoryPart } from "./wire";
import { clock, day, named, t } from "./words";

/** Failures that are one thing twice. */
export const REPEATED = new Set(["repeated_request", "repeated_answer", "repeated_story", "reauthentication", "ping_pong"]);

/** Draw what findings rest on by time; the two moments of `finding` stand out. */
export function storyOf(parts: StoryPart[], finding?: Finding): TemplateResult {
  let contact: string | null | undefined;
  let date = "";
  return html`<ol>
    ${parts.map((part) => {
      const { evidence } = part;
      const today = day(evidence.time);
      const heads = today !== date || (part.contact !== null && part.contact !== contact);
      contact = part.contact ?? contact;
      date = today;
      const mark = evidence.id === finding?.first?.id ? "first" : evidence.id === finding?.again?.id ? "again" : part.again_of.length ? "hurt" : "";
      return html`${heads ? html`<li class="contact"><span>${today}</span>${part.contact ? html`<bdi>${t("story.contact", { contact: part.contact })}</bdi>` : nothing}</li>` : nothing}
        <li class="event ${mark}">
          <time datetime=${evidence.time}>${clock(evidence.time)}</time>
          <span class="dot" aria-hidden="true"></span>
          <div><p>${named("event", evidence.type)}${evidence.field ? html` · <b>${field(evidence.field)}</b>` : nothing}${evidence.mask ? html` <bdi dir="ltr" class="mask">${evidence.mask}</bdi>` : nothing}
              ${mark === "first" || mark === "again" ? html`<span class="tag">${t(mark === "again" && !REPEATED.has(finding?.detector ?? "") ? "moment.then" : `moment.${mark}`)}</span>` : nothing}</p>
            <p class="place"><bdi>${evidence.team ?? t("team.unknown")}</bdi> · ${named("channel", evidence.channel)}</p></div>
        </li>`;
    })}
  </ol>`;
}
