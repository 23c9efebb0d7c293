import type { Adapter, AllAdapters } from "../adapters/adapter.ts";
import { EFFECTS, type EffectName } from "../machines/effects.ts";
import { Failure } from "../machines/failures.ts";
import type { Address, OrderId } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { EffectOrder } from "../machines/order.ts";
import type { OutboxRow } from "../storage/store.ts";
import { pause, type Clock } from "./clock.ts";
import { lanes, type Turn } from "./lanes.ts";

// Effects
//
// Carries out effects after their flush. Owns lanes, deadlines, attempts and back-off; the adapters own the work.
//
//   X1. An effect is begun only after the transaction that recorded it is durable, and again at boot until its result
//       is committed (R5).
//   X2. An effect given for an older epoch than its actor's is not begun (R6).
//   X3. Every effect ends in one result: done, or failed with a code; a retry keeps its lane and rests meanwhile.
//   X4. One that preempts others, as the end of a terminal its launch, does not wait for those of its actor before it,
//       whatever their lane: they are aborted.
//   X5. A result that the bus could never carry is a failed effect, not one that never ends.
//   X6. Its lane waits for an adapter that was aborted to be done with what it had begun, for some time; what it then
//       comes to is its result.

/** So long an aborted adapter may take to leave things as they are to stay. */
const GRACE_MS = 2_000;

export interface EffectEnd {
  readonly id: OrderId;
  readonly from: Address;
  readonly type: "done" | "failed";
  readonly name: string;
  readonly epoch?: number;
  readonly data: Json;
}

export interface Effects {
  /** Queues an effect in its lane; the same id is queued once. */
  begin(row: OutboxRow): void;
  /** Its result was committed. */
  forget(id: OrderId): void;
  /** The actor is at a newer epoch: what runs for an older one is aborted, so that it holds up nobody. */
  supersede(from: Address, epoch: number): void;
  readonly size: number;
  /** Aborts what runs and waits for it. */
  stop(): Promise<void>;
}

export interface EffectsParts {
  readonly adapters: AllAdapters;
  readonly clock: Clock;
  readonly width: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** The newest epoch of an actor; undefined when it has none. */
  readonly epochOf: (address: Address) => number | undefined;
  /** What the bus takes of one result, bytes of JSON. */
  readonly orderBytes: () => number;
  readonly end: (end: EffectEnd) => void;
  /** Called before a retry: the row with its attempts, to be stored. */
  readonly amend: (row: OutboxRow) => void;
  readonly onDefect: (error: unknown) => void;
}

/** Runs effects in lanes. */
export function effects(parts: EffectsParts): Effects {
  const known = new Set<OrderId>();
  /** Those that run or wait for their turn. */
  const open = new Map<OrderId, Job>();
  const stopping = new AbortController();
  const work = lanes(parts.width, parts.onDefect);

  function preempt({ order, row }: Job): void {
    for (const job of open.values()) {
      const isItsOwn = job.row.from === row.from;
      if (isItsOwn && isPreempted(job.order.name, order.name)) job.superseded.abort();
    }
  }

  return {
    begin(row) {
      const { order } = row;
      if (order.type !== "effect" || known.has(row.id)) return;
      known.add(row.id);
      const job = {
        row,
        order,
        stopping: stopping.signal,
        superseded: new AbortController(),
        isOpen: () => known.has(row.id),
      };
      preempt(job);
      open.set(row.id, job);
      work.add(order.lane, async (turn) => {
        await carryOut(parts, job, turn).finally(() => open.delete(row.id));
      });
    },
    forget: (id) => known.delete(id),
    supersede(from, epoch) {
      for (const { row, order, superseded } of open.values()) {
        if (row.from === from && order.epoch !== undefined && order.epoch < epoch)
          superseded.abort();
      }
    },
    get size() {
      return work.size;
    },
    async stop() {
      stopping.abort();
      await work.stop();
    },
  };
}

interface Job {
  readonly row: OutboxRow;
  readonly order: EffectOrder;
  readonly stopping: AbortSignal;
  readonly superseded: AbortController;
  /** False once its result is committed: that of an attempt before a crash may come in at any time. */
  readonly isOpen: () => boolean;
}

async function carryOut(parts: EffectsParts, job: Job, turn: Turn): Promise<void> {
  let row = job.row;
  const ended = AbortSignal.any([job.stopping, job.superseded.signal]);
  while (!job.stopping.aborted) {
    // Never longer than the longest back-off: a clock that went back holds up nothing.
    const waitMs = Math.min(row.nextAt - parts.clock.now(), parts.retryMaxMs);
    if (waitMs > 0) await turn.rest(async () => pause(parts.clock, waitMs, ended));
    if (!job.isOpen()) return;
    const fenced = fence(parts, job);
    if (fenced !== undefined) {
      parts.end(endOf(job, "failed", failureData(row, fenced)));
      return;
    }
    row = { ...row, attempts: row.attempts + 1 };
    const outcome = await attempt(parts, { ...job, row });
    if (job.stopping.aborted && outcome.type === "failed") return;
    if (outcome.type === "done") {
      parts.end(endOf(job, "done", { effectId: row.id, result: outcome.result }));
      return;
    }
    const { failure } = outcome;
    if (!failure.isRetryable || row.attempts >= limitOf(job.order)) {
      parts.end(endOf(job, "failed", failureData(row, failure)));
      return;
    }
    const nextAt = parts.clock.now() + backoffMs(parts, row.attempts);
    row = { ...row, nextAt, lastError: failure.message };
    parts.amend(row);
  }
}

function fence(parts: EffectsParts, { order, row, superseded }: Job): Failure | undefined {
  const epoch = order.epoch === undefined ? undefined : parts.epochOf(row.from);
  if (order.epoch !== undefined && epoch !== undefined && order.epoch < epoch) {
    const tried = `${order.name} for epoch ${order.epoch} of ${row.from}`;
    return new Failure("EPOCH_STALE", `${tried}: it is at ${epoch}`);
  }
  if (!superseded.signal.aborted) return undefined;
  return new Failure("EPOCH_STALE", `${order.name} of ${row.from}: a later order took its place`);
}

/** Whether an effect is given up as soon as another one is ordered (X4). */
function isPreempted(name: string, by: string): boolean {
  const known = effectNameOf(by);
  const spec = known === undefined ? undefined : EFFECTS[known];
  const preempted: readonly string[] =
    spec !== undefined && "preempts" in spec ? spec.preempts : [];
  return preempted.includes(name);
}

type Outcome =
  | { readonly type: "done"; readonly result: Json }
  | { readonly type: "failed"; readonly failure: Failure };

async function attempt(
  parts: EffectsParts,
  { row, order, stopping, superseded }: Job,
): Promise<Outcome> {
  const name = effectNameOf(order.name);
  if (name === undefined) {
    return {
      type: "failed",
      failure: new Failure("EFFECT_UNKNOWN", `carry out ${order.name}: no adapter does it`),
    };
  }
  const { deadlineMs } = EFFECTS[name];
  const deadline = new AbortController();
  const cancel = parts.clock.after(deadlineMs, () => deadline.abort());
  const signal = AbortSignal.any([deadline.signal, superseded.signal, stopping]);
  try {
    const work = perform(parts, name, { row, order, signal });
    const late = `${order.name} (${row.id}): not done after ${deadlineMs} ms`;
    const result = await raced(work, { signal, stopping, clock: parts.clock, late });
    return { type: "done", result };
  } catch (error) {
    return { type: "failed", failure: asFailure(order, error, parts.onDefect) };
  } finally {
    cancel();
  }
}

async function perform(
  { adapters, orderBytes: limit }: EffectsParts,
  name: EffectName,
  { row, order, signal }: { row: OutboxRow; order: EffectOrder; signal: AbortSignal },
): Promise<Json> {
  const data = EFFECTS[name].data.parse(order.data);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- data was parsed by the schema of this name
  const adapter = adapters[name] as unknown as Adapter<EffectName>;
  const attemptOf = { effectId: row.id, orderedAt: row.at, attempt: row.attempts, signal };
  const result: Json = EFFECTS[name].result.parse(await adapter(data, attemptOf));
  const bytes = Buffer.byteLength(JSON.stringify(result));
  const orderBytes = limit();
  if (bytes <= orderBytes) return result;
  throw new Failure(
    "MESSAGE_TOO_LARGE",
    `${order.name} (${row.id}): its result is ${bytes} bytes, the limit is ${orderBytes}`,
  );
}

/** An adapter that ignores its signal must not hold its lane for ever, nor the end of the daemon at all. */
async function raced(
  work: Promise<Json>,
  by: { signal: AbortSignal; stopping: AbortSignal; clock: Clock; late: string },
): Promise<Json> {
  const { promise, reject } = Promise.withResolvers<never>();
  const over = new AbortController();
  const giveUp = (): void => reject(new Failure("DEADLINE_PASSED", by.late));
  whenAborted(by.stopping, over.signal, giveUp);
  whenAborted(by.signal, over.signal, () => {
    const cancel = by.clock.after(GRACE_MS, giveUp);
    over.signal.addEventListener("abort", cancel, { once: true });
  });
  try {
    return await Promise.race([work, promise]);
  } finally {
    over.abort();
    work.catch(() => {});
  }
}

/** Calls it now or when the signal is aborted, but not once it is over. */
function whenAborted(signal: AbortSignal, over: AbortSignal, run: () => void): void {
  if (signal.aborted) run();
  else signal.addEventListener("abort", run, { once: true, signal: over });
}

function asFailure(
  order: EffectOrder,
  error: unknown,
  onDefect: (error: unknown) => void,
): Failure {
  if (error instanceof Failure) return error;
  onDefect(error);
  const seen = error instanceof Error ? error.message : String(error);
  return new Failure("EFFECT_DEFECT", `carry out ${order.name}: ${seen}`, { cause: error });
}

function effectNameOf(name: string): EffectName | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared with the table
  return Object.hasOwn(EFFECTS, name) ? (name as EffectName) : undefined;
}

function limitOf(order: EffectOrder): number {
  const name = effectNameOf(order.name);
  return name === undefined ? 1 : EFFECTS[name].attempts;
}

function backoffMs({ retryMs, retryMaxMs }: EffectsParts, attempts: number): number {
  return Math.min(retryMs * 2 ** (attempts - 1), retryMaxMs);
}

function endOf({ row, order }: Job, type: EffectEnd["type"], data: Json): EffectEnd {
  return {
    id: row.id,
    from: row.from,
    type,
    name: order.name,
    data,
    ...(order.epoch !== undefined && { epoch: order.epoch }),
  };
}

function failureData(row: OutboxRow, failure: Failure): Json {
  return {
    effectId: row.id,
    code: failure.code,
    message: failure.message.slice(0, 2_000),
    attempts: row.attempts,
  };
}
