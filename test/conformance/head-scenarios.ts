import { z } from "zod";
import { parsed, type Case } from "./cases.ts";
import { LIFECYCLES } from "./head-tables.ts";

// Head scenarios
//
// The scenarios of the later model that this product can be asked, told in the words of the model that it follows.
//
//   S1. What its agent does is here the lifecycle that such a word leads to; an end is one by hand.
//   S2. A program that is watched is the process of the probe.
//   S3. The notice of a pause has two names here: one for a question, one for a permission.
//   S4. A check that did not fail is not told to anybody here.

const Activity = z.enum(["active", "idle", "waiting_input", "blocked", "exited"]);
const Head = z.strictObject({
  activity: Activity.optional(),
  lastActivityAgoSec: z.number().optional(),
  terminated: z.boolean().optional(),
  signalled: z.boolean().optional(),
  displayName: z.string().optional(),
  agentSessionId: z.string().optional(),
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
  head: z.string().optional(),
  ci: z.enum(["passing", "failing", "pending"]).optional(),
  review: z.enum(["approved", "changes_requested"]).optional(),
  mergeability: z.enum(["mergeable", "conflicting"]).optional(),
  merged: z.boolean().optional(),
  closed: z.boolean().optional(),
  checks: z.array(Check).optional(),
  comments: z.array(Comment).optional(),
});

const STEPS: Readonly<Record<string, (step: unknown) => Record<string, unknown>>> = {
  signal: (step) => ({ op: "signal", ...parsed(Signal, step, "step signal") }),
  observeRuntime: (step) => {
    // S2
    const { runtime, workload } = parsed(Runtime, step, "step observeRuntime");
    return { op: "observeRuntime", runtime, process: workload };
  },
  observePr: pulled,
  observeScm: pulled,
  markTerminated: (step) => ({ op: "markTerminated", ...parsed(z.strictObject({}), step, "step") }),
  restartProcess: (step) => ({ op: "restartProcess", ...parsed(z.strictObject({}), step, "step") }),
};
const Signal = z.strictObject({
  state: Activity,
  event: z.string().optional(),
  tool: z.string().optional(),
  toolUseId: z.string().optional(),
  valid: z.boolean().optional(),
  agentSessionId: z.string().optional(),
  atSec: z.number().optional(),
});
const Runtime = z.strictObject({
  runtime: z.enum(["alive", "dead", "failed"]),
  workload: z.enum(["alive", "dead", "failed"]),
});

const KEYS: ReadonlySet<string> = new Set(
  "activityAfterEach activity terminated terminatedAfterEach unchanged sends sendsAfterEach sendContains sendLacks sendLacksChars error agentSessionId".split(
    " ",
  ),
);
const TYPES = ["needs_input", "ready_to_merge", "pr_merged", "pr_closed_unmerged"] as const;
const Notices = z.array(z.looseObject({ type: z.enum(TYPES) }));

/** The same case in the words of the model; throws with what has no words there. */
export function inModelWords(one: Case): Case {
  const { record, steps, ...alone } = parsed(Given, one.given, "given");
  const head = record === undefined ? alone : record;
  const given = { record: recordOf(head), steps: steps.map(stepOf) };
  return { ...one, given, expect: expectOf(one.expect, isBlocking(steps)) };
}

const OVER = { session: "terminated", reason: "manually_killed", runtime: "exited" } as const;

/** The record in the words of the model. */
export function recordOf(head: z.infer<typeof Head> | null): Record<string, unknown> | null {
  if (head === null) return null;
  const { activity = "active", lastActivityAgoSec = 0, terminated, agentSessionId } = head;
  const { state: session, reason } = LIFECYCLES[activity];
  return {
    session,
    reason,
    runtime: "alive",
    ...(terminated === true && OVER),
    activity,
    lastActivityAtSec: -lastActivityAgoSec,
    ...(agentSessionId !== undefined && { agentSessionId }),
  };
}

function stepOf({ op, ...step }: { readonly op: string }): Record<string, unknown> {
  const told = STEPS[op];
  if (told === undefined) throw new Error(`step.op: ${op} has no words in the model`);
  return told(step);
}

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
  if (ci !== "failing") return ci === undefined ? {} : { ci };
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

function commentOf({ file, ...comment }: z.infer<typeof Comment>): Record<string, unknown> {
  return { ...comment, ...(file !== undefined && { path: file }) };
}

function isBlocking(steps: readonly { readonly op: string }[]): boolean {
  return steps.some((step) => Reflect.get(step, "state") === "blocked");
}

const CHARACTERS = { ESC: "\u001B", NUL: "\0", BEL: "\u0007" } as const;
const Characters = z.array(z.enum(["ESC", "NUL", "BEL"]));

function expectOf(told: Case["expect"], isBlocked: boolean): Case["expect"] {
  const { sendLacksChars, ...expect } = withNotices(told, isBlocked);
  if (sendLacksChars === undefined) return expect;
  const names = parsed(Characters, sendLacksChars, "expect.sendLacksChars");
  return { ...expect, sendLacks: names.map((name) => CHARACTERS[name]) };
}

function withNotices({ notices, ...expect }: Case["expect"], isBlocked: boolean): Case["expect"] {
  const strange = Object.keys(expect).filter((key) => !KEYS.has(key));
  if (strange.length > 0) throw new Error(`expect.${strange.join(", expect.")} has no words here`);
  if (notices === undefined) return expect;
  // S3
  const names = {
    needs_input: isBlocked ? "agent-stuck" : "agent-needs-input",
    ready_to_merge: "approved-and-green",
    pr_merged: "all-complete",
    pr_closed_unmerged: "pr-closed",
  };
  const told = new Set(parsed(Notices, notices, "expect.notices").map(({ type }) => type));
  const counts = TYPES.map((type) => [`reaction.${names[type]}`, told.has(type) ? 1 : 0]);
  return { ...expect, notices: Object.fromEntries(counts) };
}
