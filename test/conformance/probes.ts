import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { PaneRow } from "../../adapters/terminal/panes.ts";
import { addressOf, splitAddress } from "../../machines/ids.ts";
import { isProbed } from "../../machines/session/record.ts";
import { terminalProbe } from "../../probes/terminals.ts";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import { parsed, type Case } from "./cases.ts";
import { equal, type Difference } from "./expectation.ts";
import { RecordShape, withShape } from "./record.ts";
import { Stage } from "./stage.ts";
import { differences } from "./tables.ts";

// Probes
//
// Which sessions a liveness probe looks at, and what one pass of the real probe over some terminals says of them.
//
//   R1. One probe looks at all terminals of a sort at once; a session is told only of its own.
//   R3. Where the terminals could not be listed nobody looked at their programs either: failed and failed.
//   R4. A terminal that cannot be looked at while others can has a server of its own.
//   R2. That a program and its pane are gone is told to the terminal, which tells its session: dead and dead.

const PollSet = z.strictObject({
  session: RecordShape.shape.session,
  runtime: RecordShape.shape.runtime,
});
const Lister = z.strictObject({ lister: z.literal("error").nullable() });
const Pass = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      runtime: z.string(),
      handle: z.string().nullable().optional(),
      state: RecordShape.shape.session,
      probe: z.enum(["alive", "dead", "failed", "error"]).optional(),
    }),
  ),
});
const Loop = z.strictObject({ tickMs: z.number().int().positive() });
const EXPECT = {
  pollSet: z.strictObject({ inPollSet: z.boolean() }),
  lister: z.strictObject({
    pollSet: z.array(z.string()).optional(),
    error: z.boolean().optional(),
  }),
  pass: z.strictObject({ calls: z.array(z.string()) }),
  loop: z.strictObject({ ticksAtLeast: z.number(), stopsWithinMs: z.number() }),
};
// There is a probe for each sort of terminal; here are two.
const RUNTIMES: readonly string[] = ["tmux", "zellij"];
const TICK_MS = 5_000;
const TEST_LIMIT_MS = 5_000;

/** Whether a case is about the probe. */
export function isProbeCase({ given, expect }: Case): boolean {
  return (
    "inPollSet" in expect ||
    "lister" in given ||
    "tickMs" in given ||
    ("sessions" in given && "calls" in expect)
  );
}

export async function runProbeCase({ given, expect }: Case): Promise<Difference[]> {
  if ("inPollSet" in expect) {
    parsed(EXPECT.pollSet, expect, "expect");
    const inPollSet = (await pollSetWith(parsed(PollSet, given, "given"))).length > 0;
    return differences(expect, { inPollSet }, {});
  }
  if ("lister" in given) {
    parsed(EXPECT.lister, expect, "expect");
    return differences(expect, await listed(parsed(Lister, given, "given").lister), {});
  }
  if ("tickMs" in given)
    return loop(parsed(Loop, given, "given").tickMs, parsed(EXPECT.loop, expect, "expect"));
  parsed(EXPECT.pass, expect, "expect");
  return differences(
    expect,
    { calls: await passed(parsed(Pass, given, "given").sessions) },
    { calls: equal },
  );
}

function stageOf(id?: string): Stage {
  const disk = memoryDisk();
  return new Stage({
    openStore: () => memoryStore({ disk }),
    projectId: "proj",
    ...(id !== undefined && { id }),
  });
}

/** The sessions of a store that a probe would tell something. */
function pollSetOf({ store }: Stage): string[] {
  return [...store.summaries("session")]
    .map(({ address }) => address)
    .filter((address) => {
      const row = store.snapshot(address);
      return row !== undefined && isProbed(row.snapshot);
    })
    .map((address) => splitAddress(address).id);
}

async function pollSetWith(shape: z.infer<typeof PollSet>): Promise<string[]> {
  const stage = stageOf();
  try {
    await stage.spawn();
    await stage.write((known) => withShape(known, { ...shape, reason: "" }));
    return pollSetOf(stage);
  } finally {
    await stage.stop();
  }
}

/** Without a list there is nobody to look at; a list that cannot be read is an error. */
async function listed(lister: "error" | null): Promise<Record<string, unknown>> {
  const stage = stageOf();
  const { store } = stage;
  try {
    if (lister === null) return { pollSet: pollSetOf(stage), error: false };
    await stage.system.stop();
    await store.close();
    return { pollSet: pollSetOf(stage), error: false };
  } catch {
    return { error: true };
  } finally {
    if (lister === null) await stage.stop();
  }
}

type Session = z.infer<typeof Pass>["sessions"][number];

/** One pass of the real probe; what it published, as the model's calls. */
async function passed(sessions: readonly Session[]): Promise<string[]> {
  const calls: string[] = [];
  const stage = stageOf();
  try {
    for (const { id, state } of sessions) {
      // oxlint-disable-next-line no-await-in-loop -- one session after the other
      await started(stage, { id, state });
    }
    calls.push("tick");
    for (const { id } of sessions) {
      // oxlint-disable-next-line no-await-in-loop -- one session after the other
      await stage.ask(addressOf("session", id), "session.tick");
    }
    calls.push("pollSet");
    const watched = new Set(pollSetOf(stage));
    const said = new Map<string, string>();
    for (const runtime of RUNTIMES) {
      const own = sessions.filter((each) => each.runtime === runtime && watched.has(each.id));
      // R4
      for (const server of [own.filter(isUnseen), own.filter((each) => !isUnseen(each))]) {
        // oxlint-disable-next-line no-await-in-loop -- one server after the other
        for (const [id, call] of await looked(server)) said.set(id, call);
      }
    }
    const told = sessions.flatMap(({ id }) => said.get(id) ?? []);
    return [...calls, ...told];
  } finally {
    await stage.stop();
  }
}

async function started(stage: Stage, { id, state }: Pick<Session, "id" | "state">): Promise<void> {
  const address = addressOf("session", id);
  await stage.ask(address, "session.start", {
    projectId: "proj",
    root: "/repository",
    scm: "none",
    baseRef: "main",
    branch: `ao/${id}`,
    kind: "worker",
    harness: "command",
    argv: ["agent"],
    prompt: "",
  });
  const session = state ?? "working";
  await stage.write(
    (known) => withShape(known, { session, reason: "", runtime: "alive" }),
    address,
  );
}

function isUnseen({ probe }: Session): boolean {
  return probe === "failed" || probe === "error";
}

/** What a probe that looks at these terminals of one server says, by session. */
export async function looked(sessions: readonly Session[]): Promise<ReadonlyMap<string, string>> {
  const said = new Map<string, string>();
  let looks = 0;
  const ended = new AbortController();
  const waits: (() => void)[] = [];
  const probing = terminalProbe({
    list: async () => {
      looks += 1;
      const isFailing = sessions.some(isUnseen);
      // What cannot be listed now was known before.
      if (isFailing && looks > 1) throw new Error("the terminals cannot be listed");
      return Promise.resolve(sessions.flatMap(rowOf));
    },
    exitOf: async () => Promise.resolve(undefined),
    changes: nothing,
    publish: async (lane, id, data) => {
      if (lane === "runtime") {
        said.set(id, `observe ${id} runtime=${textOf(data["runtime"])} process=${processOf(data)}`);
      } else if (data["process"] === "dead") {
        // R2
        said.set(id, `observe ${id} runtime=dead process=dead`);
      }
      return Promise.resolve();
    },
    sessionOf: (terminal) => terminal,
    ran: sessions.filter(hasHandle).map(({ id }) => ({ terminal: id, epoch: 1 })),
    everyMs: TICK_MS,
    clock: { now: () => 0, after: (_ms, run) => (waits.push(run), () => {}) },
    signal: ended.signal,
  });
  // A doubt is told at the second look, two that fail at the third; at the fourth a lost server is given up.
  for (let look = 0; look < 2; look += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    await wait(0);
    for (const run of waits.splice(0)) run();
  }
  await wait(0);
  ended.abort();
  await probing;
  return said;
}

/** R3 */
function processOf({ runtime, process }: Readonly<Record<string, unknown>>): string {
  return runtime === "failed" ? "failed" : textOf(process);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function hasHandle({ handle }: Session): boolean {
  return handle !== null && handle !== "";
}

function rowOf({ id, probe = "alive", ...session }: Session): PaneRow[] {
  if (!hasHandle({ id, ...session })) return [];
  const isDead = probe === "dead";
  return [{ terminal: id, epoch: 1, hasPane: !isDead, process: isDead ? "dead" : "alive" }];
}

async function* nothing(signal: AbortSignal): AsyncGenerator<never> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  yield* [];
}

/** The real probe under the real clock: it looks again and again, and ends soon once it is told to. */
async function loop(everyMs: number, expect: z.infer<typeof EXPECT.loop>): Promise<Difference[]> {
  let ticks = 0;
  const ended = new AbortController();
  const enough = Promise.withResolvers<void>();
  const probing = terminalProbe({
    list: async () => {
      ticks += 1;
      if (ticks >= expect.ticksAtLeast) enough.resolve();
      return Promise.resolve([
        { terminal: "s1", epoch: 1, hasPane: true, process: "alive" as const },
      ]);
    },
    exitOf: async () => Promise.resolve(undefined),
    changes: nothing,
    publish: async () => Promise.resolve(),
    sessionOf: (terminal) => terminal,
    everyMs,
    clock: {
      now: () => Date.now(),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    signal: ended.signal,
  });
  await Promise.race([enough.promise, wait(TEST_LIMIT_MS)]);
  const from = performance.now();
  ended.abort();
  await probing;
  const tookMs = performance.now() - from;
  const got = { ticksAtLeast: ticks, stopsWithinMs: tookMs };
  const compares = {
    ticksAtLeast: (least: unknown, count: unknown) => Number(count) >= Number(least),
    stopsWithinMs: (most: unknown, took: unknown) => Number(took) <= Number(most),
  };
  return differences(expect, got, compares);
}
