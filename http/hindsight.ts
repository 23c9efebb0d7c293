import { LRUCache } from "lru-cache";
import { z } from "zod";
import { endOf, lookBackIn, pathsOf, type LookBack, type Point } from "../actors/hindsight.ts";
import { explainedMovesOf, movesOf, type Move, type MoveQuestion } from "../actors/moves.ts";
import { replay, replayIn, whatIf, type Past, type Replayed } from "../actors/replay.ts";
import { Failure } from "../machines/failures.ts";
import { Address, addressOf, KINDS, Token } from "../machines/ids.ts";
import type { JournalEntry, SnapshotRow } from "../storage/store.ts";
import { PresentView, presentOf, StepView, stepView } from "./actors.ts";
import { chartLayout } from "./chart/layout.ts";
import { chartSvg } from "./chart/svg.ts";
import { knownActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { KindAndId, page, sendMade, sendText, whole } from "./schemas.ts";

// Hindsight
//
// An actor at any step of its journal: how it stood, what the step changed, what could move it then, and what would
// come of another message. All of it is read from the store; nothing here reaches a live actor.

const tags = ["actors"];
const Anything = z.unknown();

/** One step in few bytes: what a scrubber needs of thousands. */
const Tick = z.object({
  seq: z.number(),
  at: z.number(),
  type: z.string(),
  /** It went to another state. */
  isMove: z.boolean(),
  isNoop: z.boolean(),
  /** It tells of something that went wrong. */
  isTrouble: z.boolean(),
  orders: z.number(),
});

const MoveView = z.object({
  event: z.string(),
  source: z.string(),
  targets: z.array(z.string()),
  actions: z.array(z.string()),
  guard: z.string().nullable(),
  verdict: z.enum(["open", "yes", "no", "unknown"]),
  askedWith: z.number().nullable(),
});

const ExplainedMoveView = MoveView.extend({
  reads: z.array(z.object({ path: z.string(), value: Anything })),
  words: z.string().nullable(),
});

const FrameView = z.object({
  address: z.string(),
  seq: z.number(),
  /** The newest step there is. */
  last: z.number(),
  /** The step that led here; null where the journal was pruned. */
  step: StepView.nullable(),
  divergedAt: z.number().optional(),
  value: Anything,
  context: Anything,
  /** Before the step; null for the first, and where that is pruned. */
  before: z.object({ value: Anything, context: Anything }).nullable(),
  states: z.array(
    z.object({ path: z.string(), since: z.object({ seq: z.number(), at: z.number() }).nullable() }),
  ),
  moves: z.array(MoveView),
  /** The last steps that went to another state, newest first. */
  trail: z.array(
    z.object({
      seq: z.number(),
      at: z.number(),
      event: z.string(),
      was: Anything,
      value: Anything,
    }),
  ),
  ends: z.array(
    z.object({
      id: z.string(),
      type: z.enum(["open", "done", "failed", "arrived", "dead", "unknown"]),
      address: z.string().optional(),
      seq: z.number().optional(),
      at: z.number().optional(),
    }),
  ),
  /** Read together with the step; null unless it is the newest: what waited with an older one is not kept. */
  present: PresentView.nullable(),
});

const WhatIfBody = z.strictObject({
  type: z.string().min(1).max(128),
  data: z.unknown().default({}),
  at: z.number().int().nonnegative().optional(),
  from: Address.optional(),
  epoch: z.number().int().nonnegative().optional(),
});
const WhatIfView = z.object({
  value: Anything,
  context: Anything,
  was: Anything,
  contextBefore: Anything,
  orders: z.array(z.looseObject({ type: z.string() })),
  isNoop: z.boolean(),
  error: z.string().optional(),
});

const KindIdSeq = z.object({
  kind: z.enum(KINDS),
  id: Token,
  seq: whole(1),
});

/** `last` is the newest step there is. */
const KindIdFrame = KindIdSeq.extend({ seq: z.union([z.literal("last"), KindIdSeq.shape.seq]) });

/** What was found of actors that are followed, for the next step of theirs that is asked for. */
interface Memory {
  readonly lookBack: LookBack;
  readonly replayed: (past: Past) => Replayed | undefined;
}

/** Rewind and what-if. */
export function hindsightRoutes(app: App, edge: Edge): void {
  timelineRoute(app, edge);
  const { store } = edge.system;
  const memory = { lookBack: lookBackIn(store), replayed: replayIn(store) };
  frameRoute(app, edge, memory);
  movesRoute(app, edge, memory);
  whatIfRoute(app, edge);
  pictureRoute(app, edge);
}

function pictureRoute(app: App, edge: Edge): void {
  app.get(
    "/actors/:kind/:id/svg",
    {
      schema: {
        tags,
        summary: "Its chart as a picture, the states it is in lit; `at`: as it was after that step",
        params: KindAndId,
        querystring: z.strictObject({ at: whole(1).optional() }),
        response: { 200: z.string().meta({ description: "image/svg+xml" }) },
      },
    },
    async ({ params: { kind, id }, query: { at } }, reply) => {
      const { address, seq } = knownActor(edge, addressOf(kind, id));
      const { system } = edge;
      const found = replay(system.store, { kinds: system.kinds, address, seq: at ?? seq });
      if (found === undefined) throw unknownSeq(address, at ?? seq);
      const layout = await chartLayout(found.kind, new Set());
      const picture = chartSvg(layout, new Set(pathsOf(found.actor.state().value)));
      const type = "image/svg+xml; charset=utf-8";
      return reply.header("content-type", type).serializer(String).send(picture);
    },
  );
}

function timelineRoute(app: App, edge: Edge): void {
  app.get(
    "/actors/:kind/:id/timeline",
    {
      schema: {
        tags,
        summary: "Its steps in few bytes, oldest first",
        params: KindAndId,
        querystring: page(whole(0), 2_000),
        response: { 200: z.object({ ticks: z.array(Tick), next: z.number().nullable() }) },
      },
    },
    ({ params: { kind, id }, query: { after = 0, limit } }) => {
      const { address, seq } = knownActor(edge, addressOf(kind, id));
      const ticks = edge.system.store.journal(address, { after, limit }).map(tickOf);
      const last = ticks.at(-1)?.seq ?? seq;
      return { ticks, next: last < seq ? last : null };
    },
  );
}

/** An answer is the same for all who follow an actor, for as long as a page waits before it asks again. */
const SHARED_MS = 1_000;
const MOST_SHARED = 32;

function frameRoute(app: App, edge: Edge, memory: Memory): void {
  const shared = new LRUCache<Address, { readonly seq: number; readonly text: string }>({
    max: MOST_SHARED,
    ttl: SHARED_MS,
  });
  const textOf = (address: Address, asked: number | "last"): string => {
    const { seq: last } = knownActor(edge, address);
    const seq = asked === "last" ? last : asked;
    const known = shared.get(address);
    if (known !== undefined && known.seq === seq && last === seq) return known.text;
    const frame = frameOf(edge, memory, { address, seq });
    const text = JSON.stringify(frame);
    if (last === seq && !isUnderWay(frame)) shared.set(address, { seq, text });
    return text;
  };
  app.get(
    "/actors/:kind/:id/frames/:seq",
    {
      schema: {
        tags,
        summary: "The actor after one step: what the step changed, and what could move it then",
        params: KindIdFrame,
        response: { 200: FrameView },
      },
    },
    async ({ params: { kind, id, seq } }, reply) =>
      sendText(reply, textOf(addressOf(kind, id), seq)),
  );
}

/** What is under way may end at any moment, and no step of this actor says so. */
function isUnderWay({ ends, present }: z.infer<typeof FrameView>): boolean {
  return (
    ends.some(({ type }) => type === "open") ||
    (present !== null && present.outbox.length + present.mailbox.length > 0)
  );
}

function movesRoute(app: App, edge: Edge, memory: Memory): void {
  app.get(
    "/actors/:kind/:id/frames/:seq/moves",
    {
      schema: {
        tags,
        summary: "What could move it after that step, and why: each guard's words and what it read",
        params: KindIdSeq,
        response: { 200: z.object({ moves: z.array(ExplainedMoveView) }) },
      },
    },
    async ({ params: { kind, id, seq } }, reply) => {
      const { replayed, question } = pointOf(edge, memory, { address: addressOf(kind, id), seq });
      const moves = explainedMovesOf(replayed.kind, question);
      return sendMade(reply, {
        moves: moves.map((move) => ({ ...listed(move), reads: [...move.reads] })),
      });
    },
  );
}

function whatIfRoute(app: App, edge: Edge): void {
  app.post(
    "/actors/:kind/:id/at/:seq/what-if",
    {
      schema: {
        tags,
        summary: "What a message would do to it there; a copy is asked, nothing happens",
        params: KindIdSeq,
        body: WhatIfBody,
        response: { 200: WhatIfView },
      },
    },
    ({ params: { kind, id, seq }, body }) => {
      const { address } = knownActor(edge, addressOf(kind, id));
      const { system } = edge;
      const { type, data, at = edge.now(), from, epoch } = body;
      const answer = whatIf(
        system.store,
        { kinds: system.kinds, address, seq },
        { type, data, at, ...(from && { from }), ...(epoch !== undefined && { epoch }) },
      );
      if (answer === undefined) throw unknownSeq(address, seq);
      return { ...answer, orders: answer.orders.map((order) => ({ ...order })) };
    },
  );
}

/** An actor after one step, and what its guards are asked with there. */
interface FoundPoint {
  /** As it stands now. */
  readonly row: SnapshotRow;
  readonly replayed: Replayed;
  readonly entry: JournalEntry | undefined;
  readonly paths: readonly string[];
  readonly seen: ReturnType<LookBack>;
  readonly question: MoveQuestion;
}

function pointOf(
  edge: Edge,
  { lookBack, replayed: replayedAt }: Memory,
  { address, seq }: Point,
): FoundPoint {
  const { store, kinds } = edge.system;
  const row = knownActor(edge, address);
  const replayed = replayedAt({ kinds, address, seq });
  if (replayed === undefined) throw unknownSeq(address, seq);
  const state = replayed.actor.state();
  const paths = pathsOf(state.value);
  const seen = lookBack({ address, seq }, paths);
  const [found] = store.journal(address, { after: seq - 1, limit: 1 });
  const entry = found?.seq === seq ? found : undefined;
  const at = seq === row.seq ? edge.now() : (entry?.committedAt ?? edge.now());
  const question = { state, samples: seen.samples, at };
  return { row, replayed, entry, paths, seen, question };
}

function frameOf(edge: Edge, memory: Memory, point: Point): z.infer<typeof FrameView> {
  const { row, replayed, entry, paths, seen, question } = pointOf(edge, memory, point);
  const { kind, before, divergedAt } = replayed;
  const { state } = question;
  return {
    ...point,
    last: row.seq,
    step: entry === undefined ? null : stepView(entry),
    ...(divergedAt !== undefined && { divergedAt }),
    value: state.value,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    context: state.context,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind's context is JSON
    before: before === undefined ? null : { value: before.value, context: before.context },
    states: paths.map((path) => ({ path, since: seen.since.get(path) ?? null })),
    moves: movesOf(kind, question).map(listed),
    trail: seen.trail.map(({ committedAt, message, was = null, value: to, seq }) => ({
      seq,
      at: committedAt,
      event: message.type,
      was,
      value: to,
    })),
    ends: (entry?.orders ?? []).map((order) => ({
      id: order.id,
      ...endOf(edge.system.store, order),
    })),
    present: point.seq === row.seq ? presentOf(edge.system, kind.name, row) : null,
  };
}

/** What a schema takes for lists can be written. */
function listed<Of extends Move>(move: Of) {
  return { ...move, targets: [...move.targets], actions: [...move.actions] };
}

function unknownSeq(address: Address, seq: number): Failure {
  return new Failure("SEQ_UNKNOWN", `${address} has no step ${seq}, or it was pruned`);
}

// What the machines call it when something could not be done.
const TROUBLE = /\.failed$|^mail\.undeliverable$|\.undeliverable$|quarantined$/;

function tickOf(entry: JournalEntry): z.infer<typeof Tick> {
  const { seq, committedAt, message, value, isNoop, orders } = entry;
  return {
    seq,
    at: committedAt,
    type: message.type,
    isMove: value !== undefined,
    isNoop,
    isTrouble: TROUBLE.test(message.type),
    orders: orders.length,
  };
}
