import type { Line } from "./answers.ts";
import { byName, toneOf, type Tone } from "./words.ts";

// Sections
//
// The board's lines, chosen and ordered: what needs a person comes first, then what moves, then what rests. Whose turn
// it is, the daemon says.

export const SHOWS = ["all", "needs", "moving", "resting", "ended"] as const;
export type Show = (typeof SHOWS)[number];

export interface Choice {
  readonly text: string;
  readonly show: Show;
  /** One kind, or what people think in. */
  readonly kind: string;
}

export interface Section {
  readonly kind: string;
  readonly lines: readonly Line[];
}

/** What people think in; the parts that these are made of are shown when asked for. */
const SPOKEN = ["objective", "question", "session", "review"];
const NAMES: Readonly<Record<string, string>> = {
  objective: "Objectives",
  question: "Questions",
  session: "Sessions",
  review: "Reviews",
  terminal: "Terminals",
  workspace: "Workspaces",
  project: "Projects",
  forge: "Forges",
  supervisor: "Supervisors",
  collector: "Collectors",
};

export function nameOfKind(kind: string): string {
  return NAMES[kind] ?? kind;
}

/** Kinds of which there is an actor, the spoken ones first. */
export function kindsOf(lines: Iterable<Line>): string[] {
  const kinds = new Set<string>();
  for (const { kind } of lines) kinds.add(kind);
  return [...kinds].toSorted((a, b) => placeOf(a) - placeOf(b) || a.localeCompare(b));
}

/** The sections to show; empty ones are left out. */
export function sectionsOf(lines: Iterable<Line>, { text, show, kind }: Choice): Section[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const byKind = new Map<string, Line[]>();
  for (const line of lines) {
    if (kind === "" ? !SPOKEN.includes(line.kind) : line.kind !== kind) continue;
    if (show !== "all" && line.attention !== show) continue;
    if (!words.every((word) => textOf(line).includes(word))) continue;
    const section = byKind.get(line.kind) ?? [];
    section.push(line);
    byKind.set(line.kind, section);
  }
  return [...byKind]
    .toSorted(([a], [b]) => placeOf(a) - placeOf(b))
    .map(([name, found]) => ({ kind: name, lines: found.toSorted(compare) }));
}

/** How many lines each choice of `show` has, of the spoken kinds or of one. */
export function countsOf(lines: Iterable<Line>, kind: string): Readonly<Record<Show, number>> {
  const counts: Record<Show, number> = { all: 0, needs: 0, moving: 0, resting: 0, ended: 0 };
  for (const line of lines) {
    if (kind === "" ? !SPOKEN.includes(line.kind) : line.kind !== kind) continue;
    counts.all += 1;
    counts[line.attention] += 1;
  }
  return counts;
}

/** The tone of a line: only what needs a person looks like it, whatever its status is called. */
export function toneOfLine({ isQuarantined, status, attention }: Line): Tone {
  const tone = isQuarantined ? "bad" : toneOf(status);
  if (attention === "needs") return tone === "bad" ? "bad" : "needs";
  if (attention === "moving") return tone === "good" ? "good" : "active";
  return tone === "needs" || tone === "active" ? "quiet" : tone;
}

function compare(a: Line, b: Line): number {
  return rankOf(a) - rankOf(b) || b.since - a.since || byName(a.address, b.address);
}

function rankOf(line: Line): number {
  return SHOWS.indexOf(line.attention);
}

function placeOf(kind: string): number {
  const place = SPOKEN.indexOf(kind);
  return place === -1 ? SPOKEN.length : place;
}

function textOf({ address, title, status, reason, facts }: Line): string {
  const branch = typeof facts["branch"] === "string" ? facts["branch"] : "";
  return `${address} ${title} ${status} ${reason} ${branch}`.toLowerCase();
}
