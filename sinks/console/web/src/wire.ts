/** What the API sends and takes: sinks/console/shapes.py, models/alert.py and models/finding.py, as JSON has them. */

export type Severity = "critical" | "warning" | "info";
export type State = "open" | "acknowledged" | "snoozed" | "resolved" | "reopened";
export type Resolution = "fixed" | "false_positive" | "duplicate" | "expired" | "withdrawn";

export interface Seam {
  from: string;
  to: string;
}

export interface Evidence {
  source: string;
  id: string;
  time: string;
  type: string;
  team: string | null;
  channel: string;
  field: string | null;
  mask: string | null;
}

export interface Finding {
  id: string;
  withdrawn: boolean;
  detector: string;
  reason: string;
  severity: Severity;
  customer: string;
  journey: string | null;
  contact: string | null;
  time: string;
  seam: Seam | null;
  silos: string[];
  field: string | null;
  first: Evidence | null;
  again: Evidence | null;
  evidence: Evidence[];
  explained_by: string | null;
  alert: string;
  rule: { name: string; version: number; mode: string };
  summary: string;
  /** What was held against settings of the rule, by their keys; times are told by the moments. */
  measured?: Record<string, number>;
}

/** What the next handler of a journey is not to ask again. */
export interface Brief {
  time: string;
  to_team: string | null;
  given: { field: string; mask: string; time: string; team: string | null; status: "read_back" | "on_file" | "expired" }[];
  authentication: { level: number; until: string } | null;
  promises: { promise: string; about: string | null; due: string; team: string | null; state: "pending" | "overdue" }[];
  facts: { fact: string; value: string; time: string; team: string | null }[];
}

export interface Alert {
  key: string;
  tenant: string;
  detector: string;
  customer: string;
  seam: Seam | null;
  state: State;
  resolution: Resolution | null;
  severity: Severity;
  first_seen: string;
  last_seen: string;
  occurrences: number;
  assignee: string | null;
  version: number;
  updated: string;
  snoozed_until: string | null;
  until_worse: boolean;
  duplicate_of: string | null;
}

/** What the newest finding of an alert says. */
export interface Latest {
  reason: string;
  time: string;
  journey: string | null;
  contact: string | null;
  field: string | null;
  rule: string;
  team: string | null;
  channel: string | null;
  summary: string;
}

export interface Item {
  alert: Alert;
  latest: Latest | null;
}

export interface Page {
  items: Item[];
  next: string | null;
  total: number;
  /** There may be more than `total`. */
  least: boolean;
  as_of: string;
}

export interface Change {
  version: number;
  from_state: State | null;
  to_state: State;
  reason: string;
  actor: string;
  time: string;
  note: string | null;
  assignee: string | null;
  snoozed_until: string | null;
}

export interface Node {
  finding: Finding;
  standing: boolean;
  words: { language: string; what: string; why: string; first: string };
  explains: Node[];
}

export interface StoryPart {
  evidence: Evidence;
  contact: string | null;
  first_of: string[];
  again_of: string[];
}

export interface Details {
  alert: Alert;
  findings: Node[];
  changes: Change[];
  story: StoryPart[];
  rules: Record<string, unknown>[];
  /** The latest one of the newest finding's journey. */
  brief: Brief | null;
}

export type Wish =
  | { action: "acknowledge"; note?: string }
  | { action: "assign"; to: string | null; note?: string }
  | { action: "snooze"; until?: string; worse?: boolean; note?: string }
  | { action: "resolve"; outcome: "fixed" | "false_positive" | "duplicate"; of?: string; note?: string }
  | { action: "reopen"; note?: string }
  | { action: "undo" };

export interface Refused {
  key: string;
  code: string;
  detail: string;
  first: Change | null;
}

export type FacetName = "severity" | "state" | "detector" | "seam" | "team" | "channel" | "assignee";
export type Facets = Record<FacetName, Record<string, number>>;

/** What was said at one moment; null: nothing of that kind. */
export interface Revealed {
  value: string | null;
  text: string | null;
}


export interface Group {
  name: string | null;
  alerts: number;
  nobodys: number;
  severity: Severity;
  last_seen: string;
}

export interface SeamFigures {
  from: string;
  to: string;
  alerts: number;
  findings: number;
  harm: number;
  severity: Severity | null;
  score: number | null;
  samples: number | null;
}

export interface ScoreHistory {
  tenant: string;
  name: string;
  points: { hour: string; value: number }[];
}

export interface ScoreFigures {
  tenant: string;
  score: string;
  scope: string;
  name: string;
  half_life: number;
  value: number | null;
  samples: number;
  components: Record<string, number>;
  /** Whose findings are single cases behind it; empty: all. */
  detectors: string[];
  /** Parts that a headline is shown without, because there are too few chances of them. */
  left_out: string[];
}

export interface Freshness {
  /** quiet: a worker is there, and there is nothing to store; lagging: what is stored comes late; stale: neither a write nor a worker. */
  state: "live" | "quiet" | "lagging" | "stale" | "empty";
  record_age: number | null;
  write_age: number | null;
  delay: number | null;
  worker_age: number | null;
  partitions: { topic: string; partition: number; offset: number; appended: string; stored: string }[];
  as_of: string;
}

export interface Insight {
  name: string;
  findings: number;
  critical: number;
  before: number;
  harm: number;
  minutes: number | null;
  cost: number | null;
  detectors: Record<string, number>;
  seams: Record<string, number>;
}

export interface Insights {
  items: Insight[];
  first: string;
  last: string;
}

/** Places where findings pile up; rates are 0 to 1. */
export interface Snarls {
  items: { place: string; visits: number; findings: number; rate: number; low: number; high: number; elsewhere: number; detectors: Record<string, number> }[];
  /** How many places were not judged, by reason. */
  skipped: Record<string, number>;
}

export interface Face {
  score: number | null;
  visits: number;
}

/** Each team in contacts that sell and in all others; `lag` is how far service lies behind, in points. */
export interface Faces {
  items: { team: string; sales: Face; service: Face; lag: number | null }[];
}

export type Standing = "model" | "growth" | "at_risk" | "dangling";

export interface Quadrant {
  quadrant: Standing;
  customers: number;
  billed: number;
  forecast: number;
  unforecast: number;
  satisfaction: number | null;
}

/** How customers stand; `revenue` and `satisfaction` (0 to 1) tell from where on these are high. */
export interface Portfolio {
  currency: string | null;
  revenue: number;
  satisfaction: number;
  quadrants: Quadrant[];
  unplaced: Record<string, number>;
}

export interface Needing {
  tenant: string;
  customer: string;
  quadrant: Standing | null;
  stake: number;
  hurt: number;
  satisfaction: number | null;
  moved: boolean;
  alerts: Record<string, number>;
  since: string | null;
}

export interface NeedingToday {
  currency: string | null;
  items: Needing[];
  unvalued: number;
}

/** A setting of a rule: what decides, and how much of it. */
export interface Setting {
  key: string;
  value: unknown;
  /** "time": durations as rules write them, such as 90m. */
  unit?: string;
  meaning: string;
}

export interface RuleFigures {
  name: string;
  detector: string;
  configured: { version: number; mode: "on" | "shadow" | "off"; severity: string; settings?: Setting[] } | null;
  fired: number;
  withdrawn: number;
  judged: number;
  false_positives: number;
  shadow: number;
  heard: number;
  last: string | null;
}

export interface SourceFigures {
  name: string;
  refused: number;
  lately: number;
  newest: string | null;
}

export interface DeadLetters {
  counts: { topic: string; reason: string; count: number; lately: number; newest: string }[];
  newest: { topic: string; partition: number; offset: number; reason: string; time: string }[];
}

export interface Journey {
  journey: string | null;
  first: string;
  last: string;
  findings: Node[];
  story: StoryPart[];
  alerts: string[];
}

export interface AuditRow {
  id: number;
  time: string;
  actor: string;
  act: string;
  target: string | null;
  detail: string | null;
  address: string | null;
}

export interface AuditPage {
  items: AuditRow[];
  next: number | null;
}

export interface Capabilities {
  pages: Record<string, boolean>;
  version: string;
}

export type PromiseState = "overdue" | "approaching" | "pending" | "kept" | "cancelled";

/** A promise as it stands; one that `ended` after it was `due` was kept late. */
export interface Promised {
  tenant: string;
  promise: string;
  customer: string;
  made: string;
  due: string;
  about: string | null;
  team: string | null;
  channel: string | null;
  contact: string | null;
  state: PromiseState;
  ended: string | null;
  alert: string | null;
}

export interface Promises {
  items: Promised[];
  counts: Record<PromiseState, number>;
}

/** A place of the corridor: "voice/billing", or a channel where customers serve themselves. */
export interface Place {
  place: string;
  visits: number;
  hits: number;
  findings: number;
}

/** Which place follows which; `from` empty: a journey begins there. */
export interface Move {
  from: string;
  to: string;
  count: number;
  findings: number;
}

export interface CorridorMap {
  places: Place[];
  moves: Move[];
  /** Touchpoints that came too late to be placed. */
  late: number;
}

/** Findings under the rules that were tested (`after`) and the others (`before`). */
export interface BackTestCounts {
  before: number;
  after: number;
  same: number;
  appear: number;
  vanish: number;
  change: number;
}

export interface BackTest {
  id: number;
  time: string;
  actor: string;
  tested: string;
  against: string;
  touchpoints: number;
  findings: BackTestCounts;
  alerts: { before: number; after: number; appear: number; vanish: number };
  rules: (BackTestCounts & { name: string })[];
}

/** The corridor as the API tells it: a place under either name, and nothing before where a journey begins. */
export interface ToldCorridor {
  places: (Omit<Place, "place"> & { place?: string; name?: string })[];
  moves: (Omit<Move, "from"> & { from: string | null })[];
  late: number;
}
