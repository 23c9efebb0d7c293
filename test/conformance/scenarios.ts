import { z } from "zod";
import { memoryDisk, memoryStore } from "../../storage/memory-store.ts";
import type { Store } from "../../storage/store.ts";
import { parsed, type Case } from "./cases.ts";
import {
  each,
  equal,
  sameCount,
  sameMemory,
  someMembers,
  someTexts,
  type Compare,
  type Difference,
} from "./expectation.ts";
import { readRecord, RecordShape, withShape } from "./record.ts";
import { Stage } from "./stage.ts";
import { playOn, type Play, type StepResult } from "./play.ts";
import { parseStep, runStep } from "./steps.ts";
import { differences } from "./tables.ts";

// Scenarios
//
// A record, steps, and what is seen of it afterwards and after each.

const Given = z.strictObject({
  record: RecordShape.nullable().optional(),
  steps: z.array(z.unknown()).default([]),
});

/** The display that counts where the corrections add words of their own: an exit shows as such. */
const sameDisplay: Compare = (expected, got) =>
  expected === got || (got === "exited" && (expected === "working" || expected === "idle"));

/** How each key is compared; a key that is not here is an error. `<key>AfterEach` is a list of it. */
const COMPARES: Readonly<Record<string, Compare>> = {
  session: equal,
  reason: equal,
  runtime: equal,
  runtimeReason: equal,
  activity: equal,
  activitySource: equal,
  lastActivityAtSec: equal,
  prState: equal,
  prReason: equal,
  prNumber: equal,
  prUrl: equal,
  memory: sameMemory,
  display: sameDisplay,
  revision: sameCount,
  revisionDelta: sameCount,
  recordExists: equal,
  metadata: someMembers,
  terminated: equal,
  agentSessionId: equal,
  error: equal,
  errorCode: equal,
  unchanged: equal,
  sends: sameCount,
  sendContains: (expected, got) =>
    someTexts(expected)?.every((text) => String(got).includes(text)) === true,
  sendLacks: (expected, got) =>
    someTexts(expected)?.every((text) => !String(got).includes(text)) === true,
  sendAttempts: sameCount,
  sendAttemptsAtLeast: (expected, got) => Number(got) >= Number(expected),
  notices: someMembers,
  notice: (expected, got) =>
    Array.isArray(got) && got.some((each_) => someMembers(expected, each_)),
  trackers: sameCount,
  // Of the later model: all notices, those that ended, uses of tools in flight, and what texts are about, in order.
  told: sameCount,
  resolutions: equal,
  inflightEntries: equal,
  launch: equal,
  signalled: equal,
  firstSignalSet: equal,
  outcomes: equal,
  signatureWrites: sameCount,
  sendOrder: (expected, got) => isInOrder(expected, String(got)),
};

function isInOrder(expected: unknown, text: string): boolean {
  const places = someTexts(expected)?.map((word) => text.indexOf(word)) ?? [-1];
  return places.every((place, n) => place >= 0 && place > (places[n - 1] ?? -1));
}

/** The keys of an expectation that no scenario can be asked for. */
function strangeKeys(expect: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(expect).filter((key) => compareOf(key) === undefined);
}

function compareOf(key: string): Compare | undefined {
  if (Object.hasOwn(COMPARES, key)) return COMPARES[key];
  const name = key.replace(/AfterEach$/, "");
  const base = Object.hasOwn(COMPARES, name) ? COMPARES[name] : undefined;
  return base === undefined ? undefined : each(base);
}

/** Plays a scenario; throws for an op or a key that is not known. */
export async function runScenario(one: Case, expect = one.expect): Promise<Difference[]> {
  const { record, steps } = parsed(Given, one.given, "given");
  const strange = strangeKeys(expect);
  if (strange.length > 0) throw new Error(`expect.${strange.join(", expect.")} is not known`);
  for (const step of steps) parseStep(step);
  const stage = new Stage({
    openStore: memoryStores(),
    projectId: record?.projectId ?? "proj",
    isMute: one.messenger === "always fails",
  });
  try {
    const seen = await played(stage, { record: record ?? null, steps });
    if (stage.troubles.length > 0) throw new Error(`trouble: ${String(stage.troubles[0])}`);
    const compares = Object.fromEntries(
      Object.keys(expect).map((key) => [key, compareOf(key) ?? equal]),
    );
    return differences(expect, seen, compares);
  } finally {
    await stage.stop();
  }
}

/** Opens the same memory again and again. */
function memoryStores(): () => Store {
  const disk = memoryDisk();
  return () => memoryStore({ disk });
}

/** The record set up, the steps taken, and all that was seen. */
export async function played(
  stage: Stage,
  { record, steps }: { record: RecordShape | null; steps: readonly unknown[] },
): Promise<Record<string, unknown>> {
  if (record !== null) {
    await stage.spawn();
    await stage.write((known) => withShape(known, { revision: 0, ...record }));
  }
  const play = playOn(stage);
  if (record?.launch !== undefined) {
    play.launches.set(record.launch, stage.record()?.terminal.epoch ?? 0);
  }
  const first = { ...readRecord(stage), bytes: bytesOf(stage) };
  const seen: Record<string, unknown>[] = [];
  for (const step of steps) {
    // oxlint-disable-next-line no-await-in-loop -- one step after the other
    const result = await runStep(play, step);
    seen.push(seenAfter(play, result));
  }
  const last = seen.at(-1) ?? seenAfter(play, { isError: false });
  const isSame = bytesOf(stage) === first.bytes;
  const delta = Number(last["revision"] ?? 0) - Number(Reflect.get(first, "revision") ?? 0);
  const code = seen.find(({ errorCode }) => errorCode !== undefined)?.["errorCode"];
  return {
    ...last,
    ...listsOf(seen),
    error: seen.some(({ error }) => error === true),
    ...(code !== undefined && { errorCode: code }),
    unchanged: isSame,
    revisionDelta: delta,
  };
}

function bytesOf(stage: Stage): string {
  return JSON.stringify(stage.record()?.axes ?? null);
}

function seenAfter(
  { stage, beside, launches, outcomes }: Play,
  { isError, code, shown }: StepResult,
): Record<string, unknown> {
  const texts = [...stage.texts.values()];
  const record = readRecord(stage);
  const { revision } = record;
  return {
    ...record,
    ...(typeof revision === "number" && { revision: revision - beside }),
    ...shown,
    launch: launchOf(stage, launches),
    outcomes: [...outcomes],
    signatureWrites: outcomes.filter((outcome) => outcome === "sent").length,
    error: isError,
    ...(code !== undefined && { errorCode: code }),
    sends: texts.length,
    sendContains: texts.join("\n\n"),
    sendLacks: texts.join("\n\n"),
    sendOrder: texts.join("\n\n"),
    sendAttempts: stage.tries.size,
    sendAttemptsAtLeast: stage.tries.size,
    ...noticesOf(stage),
  };
}

/** The name of the launch whose epoch is the present one. */
function launchOf(stage: Stage, launches: Play["launches"]): string {
  const present = stage.record()?.terminal.epoch;
  return [...launches].findLast(([, epoch]) => epoch === present)?.[0] ?? "";
}

/** Notices by type, as the model names them; a type that nobody was told of counts 0. */
function noticesOf(stage: Stage): Record<string, unknown> {
  const told = [...stage.outside.notices.values()].map(({ type, ...notice }) => ({
    ...notice,
    type: `reaction.${type}`,
  }));
  const counts = new Proxy<Record<string, number>>(
    Object.fromEntries(
      told.map(({ type }) => [type, told.filter((other) => other.type === type).length]),
    ),
    { get: (known, type) => (typeof type === "string" ? (known[type] ?? 0) : undefined) },
  );
  const ended = (stage.record()?.notices ?? []).filter(
    ({ resolvedAt }) => resolvedAt !== undefined,
  );
  const resolutions = ended.map(({ type }) => type);
  return { notices: counts, notice: told, told: told.length, resolutions };
}

/** For each key of the steps, the list of what was seen after each. */
function listsOf(seen: readonly Record<string, unknown>[]): Record<string, unknown> {
  const keys = new Set(seen.flatMap((each_) => Object.keys(each_)));
  return Object.fromEntries(
    [...keys].map((key) => [`${key}AfterEach`, seen.map((each_) => each_[key])]),
  );
}
