import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { addressOf, KINDS, Token, type Address, type KindName } from "../machines/ids.ts";
import type { Json } from "../machines/json.ts";
import type { JournalEntry } from "../storage/store.ts";
import { Coming, comingOf } from "./coming.ts";
import { knownActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { checkState } from "./filters.ts";
import { Offer, offersOf } from "./offers.ts";
import { Accepted, Empty, KindAndId, page, sendMade, StateName, whole } from "./schemas.ts";
import { stateOf } from "./stored-state.ts";
import { statePaths } from "./views.ts";

const tags = ["actors"];
const Anything = z.unknown();
/** Orders of one actor, and to it, that are shown. */
const MOST_OPEN = 1_000;

const ActorLine = z.object({
  address: z.string(),
  machine: z.string(),
  version: z.number(),
  value: Anything,
  states: z.array(z.string()),
  isDone: z.boolean(),
  seq: z.number(),
  updatedAt: z.number(),
  facts: z.record(z.string(), z.unknown()),
});

/** What waits with an actor, and what a person may do with it: of the moment at which it was read. */
export const PresentView = z.object({
  machine: z.string(),
  version: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  isQuarantined: z.boolean(),
  strikes: z.number(),
  timers: z.array(Coming),
  outbox: z.array(
    z.object({
      id: z.string(),
      order: Anything,
      attempts: z.number(),
      nextAt: z.number(),
      lastError: z.string().optional(),
    }),
  ),
  /** Mail to it that other actors ordered and that it has not taken yet, oldest first. */
  mailbox: z.array(
    z.object({
      id: z.string(),
      from: z.string(),
      name: z.string(),
      at: z.number(),
      attempts: z.number(),
    }),
  ),
  /** What a person may do with it as it stands. */
  offers: z.array(Offer),
});

const ActorView = PresentView.extend({
  address: z.string(),
  value: Anything,
  context: Anything,
  seq: z.number(),
  /** Events it understands now. */
  enabled: z.array(z.string()),
});

/** One step, as journal and event stream tell it. */
export const StepView = z.object({
  address: z.string(),
  seq: z.number(),
  globalSeq: z.number(),
  message: z.object({
    id: z.string(),
    type: z.string(),
    at: z.number(),
    from: z.string().optional(),
    cause: z.string().optional(),
    epoch: z.number().optional(),
    data: Anything,
  }),
  /** The state after the step; absent when the step did not change it. */
  value: Anything.optional(),
  /** The state before it, when there was one. */
  was: Anything.optional(),
  isNoop: z.boolean(),
  orders: z.array(
    z.object({ id: z.string(), type: z.string(), name: z.string(), to: z.string().optional() }),
  ),
  committedAt: z.number(),
});

/** Any actor: what it is, what it did, what it was. */
export function actorRoutes(app: App, edge: Edge): void {
  listRoute(app, edge);
  actorRoute(app, edge);
  pastRoutes(app, edge);
}

function listRoute(app: App, edge: Edge): void {
  app.get(
    "/actors",
    {
      schema: {
        tags,
        summary: "Actors in order of address; `state` is a dotted path or any name on it",
        querystring: page(z.string(), 1_000).extend({
          kind: z.enum(KINDS).optional(),
          state: StateName.optional(),
        }),
        response: { 200: z.object({ actors: z.array(ActorLine), next: z.string().nullable() }) },
      },
    },
    ({ query: { limit, ...query } }) => {
      checkState(edge, query);
      const rows = edge.views.list({ ...query, limit: limit + 1 });
      const actors = rows.slice(0, limit).map((row) => {
        const { machine, version } = knownActor(edge, row.address);
        return { ...row, machine, version, states: [...row.states] };
      });
      return { actors, next: rows.length > limit ? (actors.at(-1)?.address ?? null) : null };
    },
  );
}

function actorRoute(app: App, edge: Edge): void {
  app.get(
    "/actors/:kind/:id",
    { schema: { tags, summary: "One actor", params: KindAndId, response: { 200: ActorView } } },
    async ({ params: { kind, id } }, reply) => {
      const row = knownActor(edge, addressOf(kind, id));
      return sendMade(reply, viewOf(edge, kind, row));
    },
  );

  app.post(
    "/actors/:kind/:id/release",
    {
      schema: {
        tags,
        summary: "Let a quarantined actor take messages again",
        params: KindAndId,
        body: Empty,
        response: { 200: Accepted },
      },
    },
    async ({ params: { kind, id } }) => {
      const { address, isQuarantined } = knownActor(edge, addressOf(kind, id));
      if (!isQuarantined) {
        throw new Failure("NOT_QUARANTINED", `release ${address}: it takes messages as it is`);
      }
      await edge.system.release(address);
      return { accepted: true as const };
    },
  );
}

function viewOf(
  { system }: Edge,
  kind: KindName,
  row: ReturnType<typeof knownActor>,
): z.infer<typeof ActorView> {
  const { address, seq } = row;
  const { value, context } = stateOf(row);
  return {
    ...presentOf(system, kind, row),
    address,
    seq,
    value,
    context,
    enabled: system.enabled(address).map(({ type }) => type),
  };
}

/** Pages that follow an actor ask for it again and again. */
export function presentOf(
  system: Edge["system"],
  kind: KindName,
  row: ReturnType<typeof knownActor>,
): z.infer<typeof PresentView> {
  const { address, machine, version, createdAt, updatedAt, isQuarantined, strikes } = row;
  return {
    machine,
    version,
    createdAt,
    updatedAt,
    isQuarantined,
    strikes,
    timers: comingOf(row),
    outbox: system.store
      .outbox({ from: address, limit: MOST_OPEN })
      .map(({ id, order, attempts, nextAt, lastError }) => ({
        id,
        order,
        attempts,
        nextAt,
        ...(lastError !== undefined && { lastError }),
      })),
    mailbox: mailTo(system, address),
    offers: offersOf({ kind, states: statePaths(stateOf(row).value), isQuarantined }),
  };
}

function mailTo(system: Edge["system"], address: Address): z.infer<typeof ActorView>["mailbox"] {
  const ids = system.ordersTo(address).slice(0, MOST_OPEN);
  const mail = ids.flatMap((id) => {
    const row = system.store.outboxRow(id);
    if (row?.order.type !== "mail") return [];
    const { from, at, attempts, order } = row;
    return [{ id, from, name: order.name, at, attempts }];
  });
  return mail.toSorted((a, b) => a.at - b.at);
}

function pastRoutes(app: App, edge: Edge): void {
  app.get(
    "/actors/:kind/:id/journal",
    {
      schema: {
        tags,
        summary: "Its steps after a seq, oldest first",
        params: KindAndId,
        querystring: page(whole(0), 1_000),
        response: {
          200: z.object({ entries: z.array(StepView), next: z.number().nullable() }),
        },
      },
    },
    ({ params: { kind, id }, query: { after = 0, limit } }) => {
      const { address, seq } = knownActor(edge, addressOf(kind, id));
      const entries = edge.system.store.journal(address, { after, limit }).map(stepView);
      const last = entries.at(-1)?.seq ?? seq;
      return { entries, next: last < seq ? last : null };
    },
  );

  app.get(
    "/actors/:kind/:id/at/:seq",
    {
      schema: {
        tags,
        summary: "The actor as it was after one step",
        params: z.object({
          kind: z.enum(KINDS),
          id: Token,
          seq: whole(0),
        }),
        response: {
          200: z.object({
            address: z.string(),
            seq: z.number(),
            value: Anything,
            context: Anything,
            divergedAt: z
              .number()
              .optional()
              .describe(
                "The first step that the program of today takes elsewhere than it was taken",
              ),
          }),
        },
      },
    },
    ({ params: { kind, id, seq } }) => {
      const { address } = knownActor(edge, addressOf(kind, id));
      const state = edge.system.stateAt(address, seq);
      if (state === undefined) {
        throw new Failure("SEQ_UNKNOWN", `${address} has no step ${seq}, or it was pruned`);
      }
      return state;
    },
  );
}

/** A journal entry without its checkpoint. */
export function stepView(
  entry: JournalEntry,
): z.infer<typeof StepView> & { message: { data: Json } } {
  const { checkpoint: _, checkpointVersion: __, ...step } = entry;
  return { ...step, orders: [...step.orders] };
}
