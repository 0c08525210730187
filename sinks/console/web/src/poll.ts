/** Reads something now and then: one way for all pages that show figures. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { Problem } from "./api";

/** Reads as long as its part is on the page and somebody can see it; when they come back, at once. */
export class Poll<T> implements ReactiveController {
  value: T | null = null;
  problem: Problem | null = null;
  private timer = 0;
  private turn = 0;
  private busy = false;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly ask: () => Promise<T>,
    private readonly every = 10_000,
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    void this.read();
    this.timer = window.setInterval(this.again, this.every);
    document.addEventListener("visibilitychange", this.again);
  }

  hostDisconnected(): void {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.again);
  }

  /** Forget what was read, since another question is asked now, and read. */
  anew(): void {
    this.value = null;
    this.host.requestUpdate();
    void this.read();
  }

  /** Read now; of answers that overtake each other the one asked for last stays. */
  readonly read = async (): Promise<void> => {
    const turn = ++this.turn;
    this.busy = true;
    try {
      const value = await this.ask();
      if (turn !== this.turn) return;
      this.value = value;
      this.problem = null;
    } catch (problem) {
      if (turn !== this.turn) return;
      this.problem = problem instanceof Problem ? problem : new Problem(0, String(problem));
    } finally {
      if (turn === this.turn) this.busy = false;
    }
    this.host.requestUpdate();
  };

  private readonly again = (): void => {
    if (!document.hidden && !this.busy) void this.read();
  };
}
