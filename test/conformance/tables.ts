import { z } from "zod";
import {
  decideLiveness,
  evidenceHashOf,
  doubted,
  type Verdict,
} from "../../machines/session/liveness.ts";
import { decideEnded, decideOpen, openEvidence } from "../../machines/session/pull-requests.ts";
import { displayStatus, type Status } from "../../machines/session/status.ts";
import { T0 } from "./stage.ts";
import { parsed, type Case } from "./cases.ts";
import { PrReason, PrState, RuntimeState, SessionReason, SessionState } from "./vocabulary.ts";
import { equal, sameMemory, type Compare, type Difference } from "./expectation.ts";

// Tables
//
// The pure deciders, asked one row at a time. Which decider a row is for is told by its keys.

const LIMITS = { maxAttempts: 3, maxMs: 300_000 };

const Prior = z
  .strictObject({
    attempts: z.number().int(),
    startedAtSec: z.number(),
    evidence: z.string().optional(),
    evidenceHash: z.string().optional(),
  })
  .nullable();
const Memory = z.unknown();

const Probe = z.strictObject({
  runtime: RuntimeState.default("unknown"),
  process: z.enum(["alive", "dead", "indeterminate", "failed"]).default("indeterminate"),
  runtimeProbeFailed: z.boolean().default(false),
  processProbeFailed: z.boolean().default(false),
  recentActivity: z.boolean().default(false),
  killRequested: z.boolean().default(false),
  prior: Prior.default(null),
  nowSec: z.number().default(0),
});
const Open = z.strictObject({
  ciFailing: z.boolean().optional(),
  draft: z.boolean().optional(),
  changesRequested: z.boolean().optional(),
  botComments: z.boolean().optional(),
  mergeConflicts: z.boolean().optional(),
  mergeable: z.boolean().optional(),
  approved: z.boolean().optional(),
  reviewPending: z.boolean().optional(),
  idleBeyond: z.boolean().optional(),
  number: z.number().int().optional(),
  url: z.string().optional(),
});
const Ended = z.strictObject({ prState: PrState });

/** One sort of row: its keys, what may be expected of it, and who answers. */
interface Table {
  readonly given: z.ZodType;
  readonly expect: z.ZodType;
  readonly answer: (given: never) => Record<string, unknown>;
}

function table<Given extends z.ZodType>(
  given: Given,
  keys: readonly string[],
  answer: (given: z.infer<Given>) => Record<string, unknown>,
): Table {
  const expect = z.strictObject(Object.fromEntries(keys.map((key) => [key, Memory.optional()])));
  return { given, expect, answer };
}

const LIVENESS_KEYS = ["display", "session", "reason", "memory"];
const PR_KEYS = ["display", "prState", "prReason", "session", "reason", "evidence"];

const Doubt = z.strictObject({
  evidence: z.string(),
  proposedReason: z.enum(["runtime_lost", "agent_process_exited", "probe_failure"]),
  prior: Prior.default(null),
  nowSec: z.number().default(0),
});
const OPEN_TABLE = table(Open, PR_KEYS, openAnswer);
const TABLES: readonly Table[] = [
  table(Probe, LIVENESS_KEYS, (given) => livenessAnswer(probeVerdict(given))),
  OPEN_TABLE,
  table(Ended, PR_KEYS.slice(0, 5), endedAnswer),
  table(Doubt, LIVENESS_KEYS, quarantineAnswer),
  table(z.strictObject({ a: z.string(), b: z.string() }), ["sameHash"], ({ a, b }) => ({
    sameHash: evidenceHashOf(a) === evidenceHashOf(b),
  })),
  table(
    z.strictObject({
      session: SessionState,
      reason: SessionReason.default(""),
      prState: PrState.default("none"),
      prReason: PrReason.default(""),
    }),
    ["display"],
    ({ session, reason, prState, prReason }) => ({
      display: derived({ state: session, reason }, { state: prState, reason: prReason }),
    }),
  ),
  table(
    z.strictObject({
      decider: z.enum(["openPR", "terminalPR", "probe", "quarantine"]),
      input: z.unknown(),
    }),
    ["displayEqualsDerived"],
    agreement,
  ),
];

/** Whether a row is for one of the deciders here. */
export function isRow({ given, expect }: Case): boolean {
  return TABLES.some((each) => fits(each, given, expect));
}

/**
 * Asks the decider that the row is for; throws when there is none, or a key is not known. A row without facts is for
 * the one that its suite is named for.
 */
export function runRow({ given, expect }: Case, suite: string): Difference[] {
  const tables = suite.includes("openpr") ? [OPEN_TABLE, ...TABLES] : TABLES;
  const found = tables.find((each) => fits(each, given, expect));
  if (found === undefined) {
    const keys = [...Object.keys(given), "→", ...Object.keys(expect)].join(" ");
    throw new Error(`no decider is asked with these keys: ${keys}`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed by the shape of this very table
  const got = found.answer(found.given.parse(given) as never);
  return differences(expect, got, { memory: sameMemory });
}

function fits({ given: shape, expect: answers }: Table, given: unknown, expect: unknown): boolean {
  return shape.safeParse(given).success && answers.safeParse(expect).success;
}

/** The keys on which what came differs from what was expected. */
export function differences(
  expect: Readonly<Record<string, unknown>>,
  got: Readonly<Record<string, unknown>>,
  compares: Readonly<Record<string, Compare>>,
): Difference[] {
  return Object.entries(expect).flatMap(([key, expected]) => {
    const compare = compares[key] ?? equal;
    return compare(expected, got[key]) ? [] : [{ key, expected, got: got[key] }];
  });
}

function timeOf(sec: number): number {
  return T0 + sec * 1_000;
}

function memoryOf(prior: z.infer<typeof Prior>): Parameters<typeof doubted>[0]["prior"] {
  if (prior === null) return null;
  const { attempts, startedAtSec, evidence, evidenceHash } = prior;
  const hash = evidenceHash ?? evidenceHashOf(evidence ?? "");
  return { attempts, startedAt: timeOf(startedAtSec), evidenceHash: hash };
}

/** The verdict on one probe, of a row or of a step. */
export function probeVerdict({ prior, nowSec, ...facts }: z.infer<typeof Probe>): Verdict {
  return decideLiveness({ ...facts, prior: memoryOf(prior), at: timeOf(nowSec) }, LIMITS);
}

/** What a verdict on liveness shows; the memory in seconds after T0. */
export function livenessAnswer(verdict: Verdict): Record<string, unknown> {
  const { state, reason } = verdict;
  const memory = verdict.state === "detecting" ? memoryShown(verdict.memory) : null;
  const display = derived({ state, reason }, { state: "none", reason: "" });
  return { display, session: state, reason, memory };
}

/** Quarantine memory as cases write it. */
export function memoryShown(
  memory: { attempts: number; startedAt: number; evidenceHash: string } | null,
): Record<string, unknown> | null {
  if (memory === null) return null;
  const { attempts, startedAt, evidenceHash } = memory;
  return { attempts, startedAtSec: (startedAt - T0) / 1_000, evidenceHash };
}

function quarantineAnswer({
  evidence,
  proposedReason,
  prior,
  nowSec,
}: z.infer<typeof Doubt>): Record<string, unknown> {
  const doubt = { evidence, reason: proposedReason, prior: memoryOf(prior), at: timeOf(nowSec) };
  return livenessAnswer(doubted(doubt, LIMITS));
}

function openAnswer({ number, url, ...facts }: z.infer<typeof Open>): Record<string, unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- flags that are left out are not there
  const verdict = decideOpen(facts as Parameters<typeof decideOpen>[0]);
  const { display, state, reason, lifecycle } = verdict;
  return {
    display,
    prState: state,
    prReason: reason,
    session: lifecycle.state,
    reason: lifecycle.reason,
    evidence: openEvidence(verdict, { number, url }),
  };
}

function endedAnswer({ prState }: z.infer<typeof Ended>): Record<string, unknown> {
  const { display, state, reason, lifecycle } = decideEnded(prState);
  return {
    display,
    prState: state,
    prReason: reason,
    session: lifecycle.state,
    reason: lifecycle.reason,
  };
}

type AxisShown = { readonly state: string; readonly reason: string };

function derived(lifecycle: AxisShown, pr: AxisShown): Status {
  return displayStatus({ lifecycle, pr, activity: "none", runtime: "unknown" }).status;
}

/** What a decider shows and what the projection makes of its verdict; their common word, or both. */
function agreement({
  decider,
  input,
}: {
  decider: string;
  input?: unknown;
}): Record<string, unknown> {
  const answer = decided(decider, input);
  const lifecycle = { state: String(answer["session"]), reason: String(answer["reason"]) };
  const pr = {
    state: textOf(answer["prState"], "none"),
    reason: textOf(answer["prReason"], ""),
  };
  const projected = derived(lifecycle, pr);
  const { display } = answer;
  return {
    displayEqualsDerived: display === projected ? projected : `${String(display)} ≠ ${projected}`,
  };
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function decided(decider: string, input: unknown): Record<string, unknown> {
  if (decider === "openPR") return openAnswer(parsed(Open, input, "input"));
  if (decider === "terminalPR") return endedAnswer(parsed(Ended, input, "input"));
  if (decider === "quarantine") return quarantineAnswer(parsed(Doubt, input, "input"));
  return livenessAnswer(probeVerdict(parsed(Probe, input, "input")));
}

/** The shape of a probe, for steps that ask the decider. */
export const ProbeRow = Probe;
