import { isPassing } from "../../actors/letters.ts";
import { isMark } from "../../actors/message-ids.ts";
import { splitAddress, type Address } from "../../machines/ids.ts";
import type { JournalEntry, Outcome, Store } from "../../storage/store.ts";
import type { Simulation } from "./simulation.ts";
import type { TallyContext } from "./tally.ts";

// Consistency
//
// What must hold of a runtime that came to rest, read from the store alone. Each function lists what is wrong with
// one promise, in words; an empty list is a promise kept.

/** Everything that is wrong, of all of them. */
export function faultsOf(simulation: Simulation): string[] {
  const { store } = simulation.world;
  const log = store.log({ after: 0, limit: Infinity });
  return [
    ...bookFaults(simulation),
    ...journalFaults(log),
    ...onceFaults(log),
    ...callerFaults(simulation, log),
    ...lossFaults(simulation),
    ...mailFaults(store, log),
    ...effectFaults(simulation, log),
    ...stateFaults(simulation, log),
    ...timerFaults(simulation, log),
  ];
}

/** The books balance, and nothing is left to do. */
function bookFaults({ world }: Simulation): string[] {
  const report = world.system.report();
  const { outbox, timers, lag, isBalanced } = report;
  const open = world.store.outbox({ limit: 99 }).map(({ id }) => `${id} is open in the store`);
  const isAtRest = outbox === 0 && timers === 0 && lag === 0 && isBalanced;
  const troubles = world.troubles.map((trouble) => `trouble: ${String(trouble)}`);
  return [
    ...open,
    ...troubles.filter((trouble) => !trouble.includes("STORE_FULL") && !trouble.includes("space")),
    ...(isAtRest ? [] : [`not at rest: ${JSON.stringify(report)}`]),
  ];
}

/** Numbers have no gaps: of one actor, and of all. */
function journalFaults(log: readonly JournalEntry[]): string[] {
  const seqs = new Map<Address, number>();
  return log.flatMap(({ address, seq, globalSeq }, index) => {
    const expected = (seqs.get(address) ?? 0) + 1;
    seqs.set(address, seq);
    return seq === expected && globalSeq === index + 1
      ? []
      : [`${address} has ${seq} after ${expected - 1}, and ${globalSeq} of all at ${index}`];
  });
}

/** No message was applied twice (R3). */
function onceFaults(log: readonly JournalEntry[]): string[] {
  const ids = log.map(({ message }) => message.id);
  return ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} applied twice`);
}

/** Every caller was told the truth, and each time the same (R2, R3). */
function callerFaults({ told, world }: Simulation, log: readonly JournalEntry[]): string[] {
  return [...told].flatMap(([id, outcomes]) => {
    const kept = world.store.seen(id)?.outcome;
    // What passes is told and not kept: asking again may fare better.
    const lasting = outcomes.filter((outcome) => !("code" in outcome && isPassing(outcome.code)));
    const isSame = lasting.every((outcome) => isEqual(outcome, kept));
    const steps = log.filter(({ message }) => message.id === id);
    const isTrue = steps.length === (kept !== undefined && isApplied(kept) ? 1 : 0);
    return isSame && isTrue ? [] : [`${id}: told ${JSON.stringify(outcomes)}, but ${steps.length}`];
  });
}

/** What the stream had came through, to the last message. */
function lossFaults({ stored, world }: Simulation): string[] {
  const letters = new Set(
    world.store.deadLetters({ after: 0, limit: 10_000 }).map(({ messageId }) => messageId),
  );
  return [...stored]
    .map((stamp) => stamp.replace(/~id-\d+$/, ""))
    .filter((id) => !isMark(id) && world.store.seen(id) === undefined && !letters.has(id))
    .map((id) => `${id} was stored and got lost`);
}

/** Every mail has one end, and of one pair of actors they were applied in the order they were written (M1). */
function mailFaults(store: Store, log: readonly JournalEntry[]): string[] {
  const mails = log.flatMap(({ orders }) => orders.filter(({ type }) => type === "mail"));
  // What died of a quarantine is not kept, but told: a sender that was quarantined itself hears it with its release.
  const told = new Set(log.map(({ message }) => message.cause));
  const lost = mails
    .filter(({ id }) => !hasEnd(store, id) && !told.has(id))
    .map(({ id }) => `${id} lost`);
  const order = new Map<string, number>(mails.map(({ id }, index) => [id, index]));
  const newest = new Map<string, number>();
  const overtaken = log.flatMap(({ address, message }) => {
    const index = order.get(message.id);
    if (index === undefined) return [];
    const pair = `${message.id.split("#")[0]}>${address}`;
    const before = newest.get(pair) ?? -1;
    newest.set(pair, index);
    return index > before ? [] : [`${message.id} came late`];
  });
  return [...lost, ...overtaken];
}

/** Every effect has one result; none was begun unrecorded, under another name, or after its end (R5, X1). */
function effectFaults({ world, lateDeeds }: Simulation, log: readonly JournalEntry[]): string[] {
  const effects = log.flatMap(({ orders }) => orders.filter(({ type }) => type === "effect"));
  const ids = new Set<string>(effects.map(({ id }) => id));
  const texts = new Map<string, string>();
  for (const { effectId, data } of world.deeds) texts.set(effectId, JSON.stringify(data));
  return [
    ...effects
      .filter(({ id }) => !hasEnd(world.store, `result:${id}`))
      .map(({ id }) => `${id} has no result`),
    ...world.deeds
      .filter(({ effectId }) => !ids.has(effectId))
      .map(({ effectId }) => `${effectId} was done and never ordered`),
    ...world.deeds
      .filter(({ effectId, data }) => texts.get(effectId) !== JSON.stringify(data))
      .map(({ effectId }) => `${effectId} was done in two ways`),
    ...lateDeeds.map(({ effectId }) => `${effectId} was begun after its result`),
  ];
}

/** Each actor is what its journal says, by a model of ours and by the replay (R11, `stateAt`). */
function stateFaults({ world }: Simulation, log: readonly JournalEntry[]): string[] {
  return world.store.snapshots({ limit: 99 }).flatMap((row) => {
    const { id } = splitAddress(row.address);
    const entries = log.filter(({ address }) => address === row.address);
    const context = world.tally(id);
    const model = modelOf(entries);
    const replayed = world.system.stateAt(row.address, row.seq);
    const isModelled = isEqual(model, pick(context));
    const isReplayed = isEqual(replayed?.context, context) && entries.length === row.seq;
    return [
      ...(isModelled ? [] : [`${id} is ${JSON.stringify(context)}, not ${JSON.stringify(model)}`]),
      ...(isReplayed ? [] : [`${id} is replayed as ${JSON.stringify(replayed)}`]),
    ];
  });
}

type Model = Pick<TallyContext, "sum" | "steps" | "epoch" | "fired" | "done" | "failed">;

function pick({ sum, steps, epoch, fired, done, failed }: TallyContext): Model {
  return { sum, steps, epoch, fired, done, failed };
}

function modelOf(entries: readonly JournalEntry[]): Model {
  const of = (type: string): unknown[] =>
    entries.filter(({ message }) => message.type === type).map(({ message }) => message.data);
  const texts = (type: string, key: string): string[] =>
    of(type).map((data) => String(Object.entries(data ?? {}).find(([name]) => name === key)?.[1]));
  return {
    sum: texts("tally.add", "n").reduce((sum, n) => sum + Number(n), 0),
    steps: of("activity.observed").length,
    epoch: of("tally.raise").length,
    fired: entries
      .filter(({ message }) => message.type.startsWith("timer."))
      .map(({ message }) => message.type.slice("timer.".length)),
    done: texts("typeText.done", "effectId"),
    failed: texts("typeText.failed", "code"),
  };
}

/** Every timer that was neither moved nor cancelled fired, and not before its time (R7). */
function timerFaults({ world }: Simulation, log: readonly JournalEntry[]): string[] {
  const armed = new Map<string, number>();
  const faults: string[] = [];
  for (const { address, seq, message } of log) {
    const { name, dueAt } = timerIn(message.data);
    if (message.type === "tally.arm") armed.set(`timer:${address}:${name}`, seq);
    if (message.type === "tally.cancel") armed.delete(`timer:${address}:${name}`);
    if (!message.type.startsWith("timer.")) continue;
    const timer = message.id.slice(0, message.id.lastIndexOf(":"));
    if (`${timer}:${armed.get(timer)}` !== message.id) faults.push(`${message.id} fired unarmed`);
    if (message.at < dueAt) faults.push(`${message.id} fired early`);
    armed.delete(timer);
  }
  const unfired = [...armed]
    .map(([timer, seq]) => `${timer}:${seq}`)
    .filter((id) => !hasEnd(world.store, id));
  return [...faults, ...unfired.map((id) => `${id} never fired`)];
}

function timerIn(data: unknown): { readonly name: string; readonly dueAt: number } {
  const fields = new Map(Object.entries(data ?? {}));
  return { name: String(fields.get("name")), dueAt: Number(fields.get("dueAt")) };
}

/** Whether a message came to its actor, or came too late; one that only became a letter did not. */
function hasEnd(store: Store, id: string): boolean {
  const outcome = store.seen(id)?.outcome;
  return outcome !== undefined && outcome.type !== "dead";
}

function isApplied(outcome: Outcome): boolean {
  return outcome.type === "applied" || outcome.type === "refused";
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
