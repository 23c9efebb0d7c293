import { z } from "zod";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import { parsed, type Case } from "./cases.ts";
import type { Difference } from "./expectation.ts";
import { recordOf } from "./head-scenarios.ts";
import { RecordShape, withShape } from "./record.ts";
import { Stage } from "./stage.ts";
import { differences } from "./tables.ts";

// Head guard
//
// Whether a text may be typed now: a person's, one of the machinery, one of another agent. Here each is queued, and what
// holds it back shows in what the session is.

const Activity = z.enum(["active", "idle", "waiting_input", "blocked", "exited"]);
const Given = z.strictObject({
  record: z.null().optional(),
  activity: Activity.default("idle"),
  terminated: z.boolean().default(false),
  harness: z.enum(["claude-code", "codex"]).default("claude-code"),
  // Which harness takes a word in the middle of a turn is a fact of the table of harnesses here.
  steers: z.literal("codex").default("codex"),
});
type Given = z.infer<typeof Given>;
const Outcome = z.string().optional();
const Expect = z.strictObject({ deliver: Outcome, nudge: Outcome, outcome: Outcome });

const KINDS = { deliver: "text", nudge: "nudge", outcome: "coordination" } as const;

/** Whether a case asks what may be typed. */
export function isGuardRow({ given, expect }: Case): boolean {
  return Given.safeParse(given).success && Expect.safeParse(expect).success;
}

export async function runGuardRow(one: Case): Promise<Difference[]> {
  const given = parsed(Given, one.given, "given");
  const expect = parsed(Expect, one.expect, "expect");
  const asked = Object.entries(KINDS).filter(([key]) => Object.hasOwn(expect, key));
  const got = await Promise.all(
    asked.map(async ([key, kind]) => [key, await outcomeOf(given, kind)] as const),
  );
  return differences(expect, Object.fromEntries(got), {});
}

async function outcomeOf({ record, activity, ...given }: Given, kind: string): Promise<string> {
  const disk = memoryDisk();
  const stage = new Stage({ openStore: () => memoryStore({ disk }), projectId: "proj" });
  try {
    if (record === undefined) {
      await stage.spawn();
      const shape = recordOf({ activity, terminated: given.terminated });
      await stage.write((known) => ({
        ...withShape(known, RecordShape.parse(shape)),
        harness: given.harness,
      }));
    }
    const told = await stage.ask(stage.session, "session.send", { text: "go on", kind });
    if (told.type !== "applied") return refusalOf(told.code);
    const typed = [...stage.outside.panes.values()].flatMap((pane) => [...pane.typed.values()]);
    return typed.length > 0 ? "sent" : HELD[activity];
  } finally {
    await stage.stop();
  }
}

const HELD = {
  active: "suppressed_busy",
  idle: "suppressed_unknown",
  waiting_input: "suppressed_awaiting_user",
  blocked: "suppressed_awaiting_user",
  exited: "suppressed_exited",
} as const;

function refusalOf(code: string): string {
  if (code === "SESSION_TERMINATED") return "suppressed_terminated";
  return code === "ACTOR_UNKNOWN" ? "suppressed_not_found" : "suppressed_unknown";
}
