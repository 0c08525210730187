/**
 * The live stream, one connection for all tabs of a browser: whichever holds the lock has it and tells the others.
 *
 * Where the browser gives no locks (plain http on another machine than one's own), each tab has its own.
 */

type Told =
  | { kind: "event"; type: string; data: unknown; id: string }
  | { kind: "line"; up: boolean; at: number }
  | { kind: "who" };

const EVENTS = ["hello", "alerts", "scores", "freshness", "reset"] as const;
const RETRY = 2_000;

/** Events: `line` (up or down), `alerts` (rows that changed), `freshness`, `scores`, `reset` (read everything again), `reload` (the server is new). */
export class Live extends EventTarget {
  up = false;
  /** When the line was last known to be up. */
  seen = Date.now();
  private build: string | null = null;
  private last = "";
  private source: EventSource | null = null;
  private readonly tabs = new BroadcastChannel("seamwatch-live");
  private ended = false;

  start(): void {
    this.tabs.onmessage = ({ data }: MessageEvent<Told>) => this.told(data, false);
    this.tabs.postMessage({ kind: "who" } satisfies Told);
    if (navigator.locks) {
      void navigator.locks.request("seamwatch-live", () => {
        if (this.ended) return undefined;
        this.connect();
        return new Promise<void>((release) => this.addEventListener("ended", () => release(), { once: true }));
      });
    } else this.connect();
  }

  stop(): void {
    this.ended = true;
    this.source?.close();
    this.tabs.close();
    this.dispatchEvent(new Event("ended"));
  }

  private connect(): void {
    const source = new EventSource(`/api/stream${this.last ? `?after=${encodeURIComponent(this.last)}` : ""}`);
    this.source = source;
    for (const type of EVENTS) {
      source.addEventListener(type, (event: MessageEvent<string>) =>
        this.tell({ kind: "event", type, data: JSON.parse(event.data), id: event.lastEventId }),
      );
    }
    source.onopen = () => this.tell({ kind: "line", up: true, at: Date.now() });
    source.onerror = () => {
      this.tell({ kind: "line", up: false, at: this.seen });
      if (source.readyState !== EventSource.CLOSED || this.ended) return;
      setTimeout(() => !this.ended && this.connect(), RETRY);
    };
  }

  private tell(message: Told): void {
    this.tabs.postMessage(message);
    this.told(message, true);
  }

  private told(message: Told, own: boolean): void {
    if (message.kind === "who") {
      if (this.source && !own) this.tabs.postMessage({ kind: "line", up: this.up, at: this.seen } satisfies Told);
      return;
    }
    if (message.kind === "line") {
      this.up = message.up;
      this.seen = message.up ? Date.now() : message.at;
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
      const { version } = message.data as { version: string };
      if (this.build !== null && this.build !== version) this.dispatchEvent(new Event("reload"));
      this.build = version;
      return;
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message.data }));
  }
}
