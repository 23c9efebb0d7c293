import { z } from "zod";
import type { JsonObject } from "../../machines/json.ts";
import { counted, type SessionContext } from "../../machines/session/record.ts";
import { AtSec, parsed } from "./cases.ts";
import { commitController, GUEST_SHAPES, observeIssue, reviewBatch } from "./guests.ts";
import {
  cancelLaunch,
  LAUNCH_SHAPES,
  markSpawned,
  prepareLaunch,
  spawnCompleted,
  spawnInitiated,
} from "./launches.ts";
import { GOOD, observed, resultOf, type Play, type StepResult } from "./play.ts";
import { RecordShape, withShape } from "./record.ts";
import { scmBody, ScmFacts } from "./scm.ts";
import type { Stage } from "./stage.ts";
import { Activity, ActivitySource, Confidence } from "./vocabulary.ts";
import { livenessAnswer, ProbeRow, probeVerdict } from "./tables.ts";

// Steps
//
// What each op of the cases is, as a message to the real session, or as set-up by hand where the model wrote rows.
//
//   P2. A write of the model's row is a step that changes an axis; a fact beside the axes raises no revision of a case.

const at = { atSec: AtSec.optional() };

/** The keys of each op; an op or a key that is not here is an error. */
const SHAPES = {
  ...LAUNCH_SHAPES,
  ...GUEST_SHAPES,
  observeRuntime: z.strictObject({
    ...at,
    runtime: z.enum(["alive", "dead", "failed", "indeterminate"]).default("indeterminate"),
    process: z.enum(["alive", "dead", "failed", "indeterminate"]).default("indeterminate"),
    evidence: z.string().optional(),
    launch: z.string().optional(),
  }),
  signalActivity: z.strictObject({
    ...at,
    activity: Activity,
    confidence: Confidence.default("valid"),
    source: ActivitySource.optional(),
    event: z.string().optional(),
    agentSessionId: z.string().optional(),
  }),
  // As a hook tells it, with the tool that it is about.
  signal: z.strictObject({
    ...at,
    state: z.enum(["active", "idle", "waiting_input", "blocked", "exited"]),
    event: z.string().optional(),
    tool: z.string().optional(),
    toolUseId: z.string().optional(),
    valid: z.boolean().default(true),
    agentSessionId: z.string().optional(),
    launch: z.string().optional(),
  }),
  observeScm: ScmFacts.extend(at),
  observePr: ScmFacts.extend(at),
  requestKill: z.strictObject({
    ...at,
    kind: z.enum(["manual", "cleanup", "error"]).default("manual"),
    detail: z.string().optional(),
  }),
  markTerminated: z.strictObject({ ...at, reason: z.string().optional() }),
  tick: z.strictObject(at),
  patch: z.strictObject({
    ...at,
    patch: RecordShape.extend({ clearMemory: z.boolean().optional() }),
    expectedRevision: z.number().int().optional(),
    clearMemory: z.boolean().optional(),
  }),
  upsert: RecordShape.extend({ ...at, expectedRevision: z.number().int().optional() }),
  set: RecordShape.extend(at),
  decideProbe: ProbeRow.omit({ prior: true, nowSec: true }).extend({
    ...at,
    carryMemory: z.boolean().default(false),
  }),
  restartProcess: z.strictObject(at),
  concurrently: z.strictObject({
    ...at,
    count: z.number().int().positive(),
    step: z.unknown(),
    varyAtSec: z.enum(["i"]).optional(),
  }),
} as const satisfies Record<string, z.ZodType>;
type Op = keyof typeof SHAPES;
type StepOf<Name extends Op> = z.infer<(typeof SHAPES)[Name]>;

/** A step with its keys checked; throws for an op or a key that is not known. */
export function parseStep(value: unknown): { readonly op: Op; readonly step: unknown } {
  const { op, ...keys } = parsed(z.looseObject({ op: z.string() }), value, "step");
  if (!isOp(op)) throw new Error(`step.op: ${op} is not known`);
  return { op, step: parsed(SHAPES[op], keys, `step ${op}`) };
}

/** Whether the runner knows the op. */
export function isOp(op: string): op is Op {
  return Object.hasOwn(SHAPES, op);
}

type Runner<Name extends Op> = (play: Play, step: StepOf<Name>) => Promise<StepResult>;

/** Carries out one step; its outcome is in the record, but for an error and what a decider showed. */
export async function runStep(play: Play, value: unknown): Promise<StepResult> {
  const { op, step } = parseStep(value);
  const { atSec } = parsed(z.looseObject(at), step, "step");
  if (atSec !== undefined) await play.stage.moveTo(atSec);
  const before = { record: play.stage.record(), steps: play.stage.past.length };
  const result = await carriedOut(play, op, step);
  await play.stage.rest();
  if (!SET_BY_HAND.has(op)) play.beside += revisionsBeside(play.stage, before);
  return result;
}

const SET_BY_HAND: ReadonlySet<string> = new Set(["spawnInitiated", "upsert", "patch", "set"]);

/** How many of the steps since then raised the revision and left every axis (P2). */
export function revisionsBeside(
  stage: Stage,
  { record, steps }: { record: SessionContext | undefined; steps: number },
): number {
  const seen = [record, ...stage.past.slice(steps)];
  return seen.filter((after, n) => {
    const before = seen[n - 1];
    if (before === undefined || after === undefined) return false;
    const isSame = JSON.stringify(after.axes) === JSON.stringify(before.axes);
    return isSame && after.revision > before.revision;
  }).length;
}

async function carriedOut(play: Play, op: Op, step: unknown): Promise<StepResult> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed by the shape of this very op
  const run = RUNNERS[op] as (play: Play, step: unknown) => Promise<StepResult>;
  return run(play, step);
}

const RUNNERS: { readonly [Name in Op]: Runner<Name> } = {
  observeRuntime: async (play, { launch, ...step }) =>
    observed(play, "runtime", { ...step, ...epochOf(play, launch) }),
  signalActivity: async (play, { activity, ...step }) =>
    observed(play, "activity", { ...step, state: activity }),
  signal: async (play, { tool, valid, launch, ...step }) =>
    observed(play, "activity", {
      ...said(step),
      ...epochOf(play, launch),
      ...said({ toolName: tool }),
      source: "hook",
      confidence: valid ? "valid" : "unavailable",
    }),
  observeScm: async (play, step) => scmObserved(play, step),
  observePr: async (play, step) => scmObserved(play, step),
  requestKill: async ({ stage }, { kind }) =>
    resultOf(await stage.ask(stage.session, "session.kill", { kind })),
  markTerminated: async ({ stage }) =>
    resultOf(await stage.ask(stage.session, "session.kill", { kind: "error" })),
  spawnInitiated,
  spawnCompleted,
  prepareLaunch,
  markSpawned,
  cancelLaunch,
  observeIssue,
  reviewBatch,
  commitController,
  tick: async ({ stage }) => {
    if (stage.row() === undefined) return GOOD;
    return resultOf(await stage.ask(stage.session, "session.tick"));
  },
  patch: async ({ stage }, { patch: { clearMemory = false, ...shape }, ...step }) => {
    const known = stage.record();
    if (known === undefined || isStale(known, step.expectedRevision)) return { isError: true };
    const memory = clearMemory || step.clearMemory === true ? { memory: null } : {};
    const next = (record: SessionContext): SessionContext =>
      withShape(record, { ...shape, ...memory, revision: record.revision }, stage.clock.now());
    await stage.write((record) => written(record, next(record), stage));
    return GOOD;
  },
  upsert,
  set: async ({ stage }, { atSec: _, ...shape }) => {
    await stage.write((record) => withShape(record, shape, stage.clock.now()));
    return GOOD;
  },
  decideProbe: async (play, { atSec = 0, carryMemory, ...facts }) => {
    const prior = carryMemory ? play.memory : null;
    const shown = livenessAnswer(probeVerdict(ProbeRow.parse({ ...facts, prior, nowSec: atSec })));
    play.memory = shown["memory"];
    return Promise.resolve({ isError: false, shown });
  },
  restartProcess: async ({ stage }) => {
    await stage.restart();
    return GOOD;
  },
  concurrently,
};

function isStale({ revision }: SessionContext, expected: number | undefined): boolean {
  return expected !== undefined && expected !== revision;
}

/** One revision more, whatever was written: the model counts writes of rows. */
function written(before: SessionContext, after: SessionContext, stage: Stage): SessionContext {
  const next = counted(before, after, stage.clock.now());
  return next.revision > before.revision ? next : { ...next, revision: before.revision + 1 };
}

/** A launch that the case did not name before is one that is over. */
function epochOf({ launches }: Play, launch: string | undefined): { epoch?: number } {
  return launch === undefined ? {} : { epoch: launches.get(launch) ?? 0 };
}

/** Without the words that a hook has no value for. */
function said(words: Readonly<Record<string, string | number | undefined>>): JsonObject {
  const there = Object.entries(words).filter(([, value]) => value !== undefined && value !== "");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undefined members were left out
  return Object.fromEntries(there) as JsonObject;
}

async function scmObserved(
  play: Play,
  { atSec, ...facts }: StepOf<"observeScm">,
): Promise<StepResult> {
  const pr = play.stage.record()?.axes.pr;
  const body = scmBody(facts, { number: pr?.number, url: pr?.url });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- facts of a pull request are JSON
  return observed(play, "scm", { ...(body as unknown as JsonObject), atSec });
}

/** A whole row at once: at revision 0 when there is none, at the present one when there is. */
async function upsert({ stage }: Play, step: StepOf<"upsert">): Promise<StepResult> {
  const { atSec: _, revision, expectedRevision = revision, ...shape } = step;
  const known = stage.record();
  if (known === undefined) {
    if ((expectedRevision ?? 0) !== 0) return { isError: true };
    await stage.spawn();
    await stage.write((record) => withShape(record, { ...shape, revision: 1 }, stage.clock.now()));
    return GOOD;
  }
  if (isStale(known, expectedRevision)) return { isError: true };
  const rest = { prState: "none", prReason: "not_created", memory: null } as const;
  const row = { reason: "", ...rest, ...shape, revision: known.revision };
  await stage.write((record) => written(record, withShape(record, row, stage.clock.now()), stage));
  return GOOD;
}

/** The same step many times at once; `varyAtSec: "i"` gives each its own second. */
async function concurrently(
  play: Play,
  { count, step, varyAtSec }: StepOf<"concurrently">,
): Promise<StepResult> {
  const steps = Array.from({ length: count }, (_, i) => {
    const { op, step: parsedStep } = parseStep({
      ...parsed(z.looseObject({}), step, "step"),
      ...(varyAtSec === "i" && { atSec: i }),
    });
    return { op, step: parsedStep };
  });
  if (varyAtSec === "i") await play.stage.moveTo(count);
  const results = await Promise.all(
    steps.map(async ({ op, step: each }) => carriedOut(play, op, each)),
  );
  return { isError: results.some(({ isError }) => isError) };
}
