/**
 * The live stream, one connection for all tabs of a browser: whichever holds the lock has it and tells the others.
 *
 * Where the browser gives no locks (plain http from another machine), each tab has its own. It is read by `fetch`, since `EventSource` can neither go on
 * from an id after it was closed nor notice that a line is dead.
 */

type Told =
  | { kind: "event"; type: string; data: unknown; id: string }
  | { kind: "line"; up: boolean; silent: number; last: string }
  | { kind: "who" };

const FIRST_RETRY = 500;
const LONGEST_RETRY = 10_000;
/** The server says something at least every ten seconds. */
const SILENCE = 25_000;

/**
 * Events: `line` (up or down), `hello`, `alerts` (rows that changed), `freshness`, `unavailable` (the server has no database), `scores`,
 * `reset` (more was missed than is told again), `reload` (the server is new).
 */
export class Live extends EventTarget {
  up = false;
  /** When the line was last known to be up. */
  seen = Date.now();
  private build: string | null = null;
  private last = "";
  private leads = false;
  private wake = (): void => undefined;
  private readonly ended = new AbortController();
  private readonly tabs = new BroadcastChannel("seamwatch-live");

  /** Take note of the server's build as the page was begun with it: another one asks for a reload, though this tab never had the line. */
  builtAs(version: string): void {
    if (this.build !== null && this.build !== version) this.dispatchEvent(new Event("reload"));
    this.build = version;
  }

  start(): void {
    this.tabs.onmessage = ({ data }: MessageEvent<Told>) => this.told(data, false);
    this.tabs.postMessage({ kind: "who" } satisfies Told);
    window.addEventListener("online", () => this.wake(), { signal: this.ended.signal });
    const { signal } = this.ended;
    if (navigator.locks) navigator.locks.request("seamwatch-live", { signal }, () => this.lead()).catch(() => undefined); // aborted: the tab has ended
    else void this.lead();
  }

  stop(): void {
    this.ended.abort();
    this.tabs.close();
  }

  private async lead(): Promise<void> {
    this.leads = true;
    let retry = FIRST_RETRY;
    while (!this.ended.signal.aborted) {
      try {
        await this.listen();
        retry = FIRST_RETRY;
      } catch {
        retry = Math.min(LONGEST_RETRY, retry * 2);
      }
      if (this.ended.signal.aborted) return;
      this.tell({ kind: "line", up: false, silent: Date.now() - this.seen, last: this.last });
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, retry);
      });
    }
  }

  /** Read events until the line ends. Raises where it cannot be had, or is silent. */
  private async listen(): Promise<void> {
    const line = new AbortController();
    const stop = () => line.abort();
    this.ended.signal.addEventListener("abort", stop, { once: true });
    let watch = setTimeout(stop, SILENCE);
    try {
      const headers: Record<string, string> = this.last ? { "last-event-id": this.last } : {};
      const answer = await fetch("/api/stream", { headers, signal: line.signal, cache: "no-store" });
      if (answer.status === 401) window.dispatchEvent(new Event("signed-out"));
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(stop, SILENCE);
        const parts = (rest + value).split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) this.read(part);
        this.seen = Date.now();
      }
    } finally {
      clearTimeout(watch);
      this.ended.signal.removeEventListener("abort", stop);
    }
  }

  private read(part: string): void {
    const fields: Record<string, string> = {};
    for (const line of part.split("\n")) {
      const at = line.indexOf(": ");
      if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
    }
    if (fields["event"]) this.tell({ kind: "event", type: fields["event"], data: JSON.parse(fields["data"] ?? "null"), id: fields["id"] ?? "" });
  }

  private tell(message: Told): void {
    this.tabs.postMessage(message);
    this.told(message, true);
  }

  private told(message: Told, own: boolean): void {
    if (message.kind === "who") {
      if (this.leads && !own) this.tabs.postMessage({ kind: "line", up: this.up, silent: Date.now() - this.seen, last: this.last } satisfies Told);
      return;
    }
    if (message.kind === "line") {
      this.up = message.up;
      this.seen = Date.now() - message.silent;
      this.last = message.last || this.last;
      this.dispatchEvent(new Event("line"));
      return;
    }
    this.seen = Date.now();
    if (message.id) this.last = message.id;
    if (!this.up) {
      this.up = true;
      this.dispatchEvent(new Event("line"));
    }
    if (message.type === "hello") {
      this.builtAs((message.data as { version: string }).version);
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message.data }));
  }
}
