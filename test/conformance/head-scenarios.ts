import { z } from "zod";
import { AtSec, parsed, type Case } from "./cases.ts";
import { ANYTHING } from "./expectation.ts";
import { LIFECYCLES } from "./head-tables.ts";

// Head scenarios
//
// The scenarios of the later model that this product can be asked, told in the words of the model that it follows.
//
//   S1. What its agent does is here the lifecycle that such a word leads to; an end is one by hand.
//   S2. A program that is watched is the process of the probe.
//   S3. The notice of a pause has two names here: one for a question, one for a permission.
//   S4. A check that did not fail is not told to anybody here.
//   S5. A launch is here an epoch: the one that the record names is the present one.
//   S6. What waits for a person when a case begins was told by a signal, so that a notice of it is open.

const Activity = z.enum(["active", "idle", "waiting_input", "blocked", "exited"]);
const Head = z.strictObject({
  activity: Activity.optional(),
  lastActivityAgoSec: z.number().optional(),
  terminated: z.boolean().optional(),
  signalled: z.boolean().optional(),
  displayName: z.string().optional(),
  agentSessionId: z.string().optional(),
  launch: z.string().optional(),
  inflight: z.record(z.string(), z.string()).optional(),
  kind: z.enum(["worker", "orchestrator"]).optional(),
});
const Given = z.strictObject({
  record: Head.nullable().optional(),
  activity: Activity.optional(),
  lastActivityAgoSec: z.number().optional(),
  steps: z.array(z.looseObject({ op: z.string() })).min(1),
});

const Check = z.strictObject({
  name: z.string(),
  commit: z.string().optional(),
  status: z.enum(["failed", "cancelled"]),
  logTail: z.string().optional(),
  url: z.string().optional(),
});
const Comment = z.strictObject({
  id: z.string(),
  // Facts of the contract name a comment, not the thread it belongs to.
  thread: z.string().optional(),
  author: z.string().optional(),
  body: z.string(),
  file: z.string().optional(),
  line: z.number().optional(),
  url: z.string().optional(),
  resolved: z.boolean().optional(),
  isBot: z.boolean().optional(),
});
const Pull = z.strictObject({
  fetched: z.boolean(),
  url: z.string().optional(),
  number: z.number().optional(),
  title: z.string().optional(),
  head: z.string().optional(),
  source: z.string().optional(),
  target: z.string().optional(),
  ci: z.enum(["passing", "failing", "pending", "unknown"]).nullable().optional(),
  review: z.enum(["approved", "changes_requested"]).optional(),
  mergeability: z.enum(["mergeable", "conflicting"]).optional(),
  merged: z.boolean().optional(),
  closed: z.boolean().optional(),
  checks: z.array(Check).optional(),
  comments: z.array(Comment).optional(),
});

type Told = (step: unknown) => Record<string, unknown>;
const STEPS: Readonly<Record<string, Told>> = {
  signal: (step) => {
    const { pendingUntil: _, ...told } = parsed(Signal, step, "step signal");
    return { op: "signal", ...told };
  },
  observeRuntime: (step) => {
    // S2
    const { workload, ...told } = parsed(Runtime, step, "step observeRuntime");
    return { op: "observeRuntime", ...told, process: workload };
  },
  observePr: pulled,
  observeScm: pulled,
  markTerminated: (step) => ({ op: "markTerminated", ...parsed(z.strictObject({}), step, "step") }),
  prepareLaunch: (step) => ({ op: "prepareLaunch", ...launchStep(step) }),
  markSpawned: (step) => ({ op: "markSpawned", ...launchStep(step) }),
  cancelLaunch: (step) => ({ op: "cancelLaunch", ...launchStep(step) }),
  observeIssue: (step) => ({ op: "observeIssue", ...parsed(Alike, step, "step") }),
  reviewBatch: (step) => ({ op: "reviewBatch", ...parsed(Alike, step, "step") }),
  commitController: (step) => ({ op: "commitController", ...parsed(Alike, step, "step") }),
  restartProcess: (step) => ({ op: "restartProcess", ...parsed(z.strictObject({}), step, "step") }),
};
/** The same in both models. */
const Alike = z.looseObject({});
const Signal = z.strictObject({
  state: Activity,
  event: z.string().optional(),
  tool: z.string().optional(),
  toolUseId: z.string().optional(),
  valid: z.boolean().optional(),
  agentSessionId: z.string().optional(),
  launch: z.string().optional(),
  // Nobody is kept waiting here: what is told is in the stream.
  pendingUntil: z.enum(["markSpawned", "cancelLaunch"]).optional(),
  atSec: AtSec.optional(),
});
const Runtime = z.strictObject({
  runtime: z.enum(["alive", "dead", "failed"]),
  workload: z.enum(["alive", "dead", "failed"]),
  launch: z.string().optional(),
});

const KEYS: ReadonlySet<string> = new Set(
  "activityAfterEach activity terminated terminatedAfterEach unchanged sends sendsAfterEach sendContains sendLacks sendLacksChars sendOrder inflightEntries error errorAfterEach errorCode agentSessionId launch signalled firstSignalSet outcomes signatureWrites".split(
    " ",
  ),
);
const TYPES = ["needs_input", "ready_to_merge", "pr_merged", "pr_closed_unmerged"] as const;
const NAMES = {
  needs_input: "agent-needs-input",
  ready_to_merge: "approved-and-green",
  pr_merged: "all-complete",
  pr_closed_unmerged: "pr-closed",
} as const;
const Notices = z.array(z.looseObject({ type: z.enum(TYPES) }));

/** The same case in the words of the model; throws with what has no words there. */
export function inModelWords(one: Case): Case {
  const { record, steps, ...alone } = parsed(Given, one.given, "given");
  const head: z.infer<typeof Head> | null = record === undefined ? alone : record;
  const flights = Object.entries(head?.inflight ?? {}).map(([toolUseId, tool]) => ({
    op: "signal",
    state: "active",
    event: "pre-tool-use",
    tool,
    toolUseId,
  }));
  const told = [...flights, ...steps.map(stepOf)];
  const before = flights.length;
  const isResolving = "resolutions" in one.expect;
  if (!isResolving || head === null) {
    const isBlocked = isBlocking(steps);
    const expect = expectOf(one.expect, { isBlocked, before, tails: tailsOf(steps) });
    return { ...one, given: { record: recordOf(head), steps: told }, expect };
  }
  // S6
  const { activity: state, ...others } = head;
  const asking = [{ op: "signal", state }, ...told];
  const expect = expectOf(one.expect, { isBlocked: state === "blocked", before: 1 });
  return {
    ...one,
    given: { record: recordOf({ ...others, activity: "active" }), steps: asking },
    expect,
  };
}

function tailsOf(steps: readonly object[]): string[] {
  const checks = steps.flatMap((step) => parsed(Tailed, step, "step").checks ?? []);
  return checks.flatMap(({ logTail }) => logTail ?? []);
}
const Tailed = z.looseObject({ checks: z.array(Check).optional() });

const OVER = { session: "terminated", reason: "manually_killed", runtime: "exited" } as const;

/** The record in the words of the model. */
export function recordOf(head: z.infer<typeof Head> | null): Record<string, unknown> | null {
  if (head === null) return null;
  const { activity = "active", lastActivityAgoSec = 0, terminated, agentSessionId, kind } = head;
  const { launch, signalled } = head;
  const { state: session, reason } = LIFECYCLES[activity];
  return {
    session,
    reason,
    runtime: "alive",
    ...(terminated === true && OVER),
    activity,
    lastActivityAtSec: -lastActivityAgoSec,
    ...(agentSessionId !== undefined && { agentSessionId }),
    ...(kind !== undefined && { kind }),
    ...(launch !== undefined && { launch }),
    ...(signalled !== undefined && { signalled }),
  };
}

function stepOf({ op, ...step }: { readonly op: string }): Record<string, unknown> {
  const told = STEPS[op];
  if (told === undefined) throw new Error(`step.op: ${op} has no words in the model`);
  return told(step);
}

function launchStep(step: unknown): z.infer<typeof LaunchStep> {
  return parsed(LaunchStep, step, "step");
}
const LaunchStep = z.strictObject({
  launch: z.string().optional(),
  runtimeHandleId: z.string().optional(),
});

function pulled(step: unknown): Record<string, unknown> {
  const { mergeability, merged, closed, comments, ci, checks, ...named } = parsed(
    Pull,
    step,
    "step",
  );
  return {
    op: "observeScm",
    ...named,
    ...checked({ ci, checks }),
    prState: endOf(merged, closed),
    ...(mergeability === "mergeable" && { mergeable: true }),
    ...(mergeability === "conflicting" && { noConflicts: false, blockers: ["conflict"] }),
    ...(comments !== undefined && { pendingComments: comments.map(commentOf) }),
  };
}

/** S4 */
function checked({ ci, checks }: Pick<z.infer<typeof Pull>, "ci" | "checks">): object {
  const failing = checks?.filter(({ status }) => status === "failed").map(checkOf);
  if (ci !== "failing")
    return ci === undefined ? {} : { ci: ci === "unknown" ? "none" : (ci ?? "none") };
  if (failing?.length === 0) return { ci: "none" };
  return { ci, ...(failing !== undefined && { checks: failing }) };
}

function endOf(merged = false, closed = false): "merged" | "closed" | "open" {
  if (merged) return "merged";
  return closed ? "closed" : "open";
}

function checkOf({ name, logTail, url }: z.infer<typeof Check>): Record<string, unknown> {
  return {
    name,
    ...(logTail !== undefined && { logTail }),
    ...(url !== undefined && { url }),
  };
}

function commentOf({
  file,
  thread: _,
  ...comment
}: z.infer<typeof Comment>): Record<string, unknown> {
  return { ...comment, ...(file !== undefined && { path: file }) };
}

function isBlocking(steps: readonly { readonly op: string }[]): boolean {
  return steps.some((step) => Reflect.get(step, "state") === "blocked");
}

const CHARACTERS = { ESC: "\u001B", NUL: "\0", BEL: "\u0007" } as const;
const Characters = z.array(z.enum(["ESC", "NUL", "BEL"]));

/** `isBlocked`: it asks for a permission; `before`: so many steps are set-up, of which nothing is expected. */
interface Reading {
  readonly isBlocked: boolean;
  readonly before: number;
  /** Ends of logs that were told. */
  readonly tails?: readonly string[];
}

function expectOf(
  told: Case["expect"],
  { isBlocked, before, tails = [] }: Reading,
): Case["expect"] {
  const { activityUnchanged, noticesAfterEach, resolutions, fence, textUnchanged, ...known } = told;
  const { sendLacksChars, ...expect } = withNotices(known, isBlocked);
  const lists = Object.entries(expect).map(([key, value]): [string, unknown] => {
    if (!key.endsWith("AfterEach") || !Array.isArray(value)) return [key, value];
    return [key, Array.from({ length: before }, (): unknown => ANYTHING).concat(value)];
  });
  const names = parsed(Characters, sendLacksChars ?? [], "expect.sendLacksChars");
  return {
    ...Object.fromEntries(lists),
    ...(names.length > 0 && { sendLacks: names.map((name) => CHARACTERS[name]) }),
    ...(typeof fence === "string" &&
      textUnchanged === true && {
        sendContains: tails.map((tail) => `${fence}\n${tail}\n${fence}`),
      }),
    ...(activityUnchanged === true && { activity: "active" }),
    ...(noticesAfterEach !== undefined && { toldAfterEach: noticesAfterEach }),
    ...(resolutions !== undefined && { resolutions: resolved(resolutions, isBlocked) }),
  };
}

/** The notices that ended, by the names that they have here (S3). */
function resolved(resolutions: unknown, isBlocked: boolean): string[] {
  return parsed(Notices, resolutions, "expect.resolutions").map(({ type }) =>
    type === "needs_input" && isBlocked ? "agent-stuck" : NAMES[type],
  );
}

function withNotices({ notices, ...expect }: Case["expect"], isBlocked: boolean): Case["expect"] {
  const strange = Object.keys(expect).filter((key) => !KEYS.has(key));
  if (strange.length > 0) throw new Error(`expect.${strange.join(", expect.")} has no words here`);
  if (notices === undefined) return expect;
  // S3
  const names = { ...NAMES, ...(isBlocked && { needs_input: "agent-stuck" }) };
  const told = new Set(parsed(Notices, notices, "expect.notices").map(({ type }) => type));
  const counts = TYPES.map((type) => [`reaction.${names[type]}`, told.has(type) ? 1 : 0]);
  return { ...expect, notices: Object.fromEntries(counts) };
}
