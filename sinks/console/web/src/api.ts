/** Talks to the API. Every answer that is no success becomes a `Problem`. */

import type { GroupBy } from "./route";
import type {
  Alert, AuditPage, BackTest, Capabilities, CorridorMap, DeadLetters, Details, Faces, Facets, Freshness, Group, Insights, Journey, NeedingToday, Page, Portfolio, Promises,
  Refused, Revealed, RuleFigures, ScoreFigures, ScoreHistory, SeamFigures, Snarls, SourceFigures, ToldCorridor, Wish,
} from "./wire";

/** What the API refused, as RFC 9457 tells it; status 0: it was not reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail);
  }
}

export interface Session {
  name: string;
  rights: string[];
  csrf: string | null;
}

let session: Session | null = null;

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (session?.csrf && method !== "GET") headers["x-csrf-token"] = session.csrf;
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new Problem(0, "");
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const told = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (answer.status === 401 && session) {
    session = null;
    window.dispatchEvent(new Event("signed-out"));
  }
  throw new Problem(answer.status, String(told["detail"] ?? told["title"] ?? answer.statusText), told);
}

const ways = () => call<{ provider: string | null; session: Session | null }>("GET", "/api/doors");

export const api = {
  get session() {
    return session;
  },
  /** Find out who is signed in; null: nobody. To ask nobody for their session would be refused, and the browser log an error. */
  async resume(): Promise<Session | null> {
    return (session = (await ways()).session);
  },
  async signIn(name: string, password: string): Promise<void> {
    session = await call<Session>("POST", "/api/session", { name, password });
  },
  async enter(token: string): Promise<void> {
    session = await call<Session>("POST", "/api/session/link", { token });
  },
  /** The name of the provider by which people may come in, null: there is none. */
  provider: async () => (await ways()).provider,
  async signOut(): Promise<void> {
    await call("DELETE", "/api/session");
    session = null;
  },
  alerts: (query: string) => call<Page>("GET", `/api/alerts?${query}`),
  alert: (key: string, language: string) => call<Details>("GET", `/api/alerts/${encodeURIComponent(key)}?lang=${language}`),
  change: (key: string, wish: Wish, version: number) =>
    call<Alert>("POST", `/api/alerts/${encodeURIComponent(key)}/transitions`, { ...wish, version }),
  changeAll: (keys: string[], wish: Wish) =>
    call<{ done: Alert[]; refused: Refused[] }>("POST", "/api/alerts/transitions", { keys, change: wish }),
  /** What was said at a moment that an alert rests on; `reason` is kept in the audit. */
  reveal: (key: string, source: string, id: string, reason: string) =>
    call<Revealed>("POST", `/api/alerts/${encodeURIComponent(key)}/reveal`, { source, id, reason }),
  facets: (query: string) => call<Facets>("GET", `/api/facets?${query}`),
  groups: (by: GroupBy, filters: string) => call<{ items: Group[] }>("GET", `/api/groups?by=${by}${filters ? `&${filters}` : ""}`),
  seams: () => call<{ items: SeamFigures[] }>("GET", "/api/seams"),
  scores: (scope: string, score?: string) => call<{ items: ScoreFigures[] }>("GET", `/api/scores?scope=${scope}${score ? `&score=${score}` : ""}`),
  history: (score: string, scope: string, life: number, days: number) =>
    call<ScoreHistory[]>("GET", `/api/scores/history?score=${score}&scope=${scope}&half_life=${life}&days=${days}`),
  insights: (by: string, days: number) => call<Insights>("GET", `/api/insights/${by}?days=${days}`),
  snarls: (days: number) => call<Snarls>("GET", `/api/insights/snarls?days=${days}`),
  faces: (days: number) => call<Faces>("GET", `/api/insights/teams?days=${days}`),
  corridor: async (days: number): Promise<CorridorMap> => {
    const told = await call<ToldCorridor>("GET", `/api/insights/corridor?days=${days}`);
    const places = told.places.map(({ place, name, ...figures }) => ({ place: place ?? name ?? "", ...figures }));
    return { places, moves: told.moves.map((move) => ({ ...move, from: move.from ?? "" })), late: told.late };
  },
  promises: (states: readonly string[], team: string | null) =>
    call<Promises>("GET", `/api/promises?${new URLSearchParams([...states.map((each) => ["state", each]), ...(team === null ? [] : [["team", team]])])}`),
  portfolio: () => call<Portfolio>("GET", "/api/portfolio"),
  needing: () => call<NeedingToday>("GET", "/api/portfolio/today"),
  backTests: () => call<BackTest[]>("GET", "/api/back-tests"),
  rules: () => call<RuleFigures[]>("GET", "/api/rules"),
  sources: () => call<{ items: SourceFigures[] }>("GET", "/api/sources"),
  deadLetters: (limit: number) => call<DeadLetters>("GET", `/api/dead-letters?limit=${limit}`),
  freshness: () => call<Freshness>("GET", "/api/freshness"),
  journeys: (customer: string, language: string) => call<{ items: Journey[] }>("GET", `/api/journeys?${new URLSearchParams({ customer, lang: language })}`),
  audit: (before?: number) => call<AuditPage>("GET", `/api/audit${before === undefined ? "" : `?before=${before}`}`),
  people: () => call<string[]>("GET", "/api/people"),
  capabilities: () => call<Capabilities>("GET", "/api/capabilities"),
};
