/** Says what changes to those who hear the page: one polite region, which speaks now and then, however much happens. */

const SETTLES = 400;
const PAUSE = 5_000;

const told = document.createElement("p");
told.className = "hidden announcer";
told.setAttribute("role", "status");
const waiting = new Map<string, string>();
let timer = 0;
let spoke = -PAUSE;

/** Put the region on the page, empty: of one that comes with its words nothing is said. */
export function listen(): void {
  document.body.append(told);
}

/**
 * Say something soon: at once but for a moment in which it may change again, and not before five seconds after what was said last.
 * Of one `matter` only the latest words are said; empty: nothing is left to say of it.
 */
export function announce(matter: string, words: string): void {
  if (words) waiting.set(matter, words);
  else waiting.delete(matter);
  if (!timer) timer = window.setTimeout(speak, Math.max(SETTLES, spoke + PAUSE - performance.now()));
}

function speak(): void {
  timer = 0;
  if (!waiting.size) return;
  told.textContent = [...waiting.values()].join(" · ");
  waiting.clear();
  spoke = performance.now();
}
