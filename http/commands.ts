import type { FastifyRequest } from "fastify";
import { deadline } from "../adapters/deadline.ts";
import { Failure } from "../machines/failures.ts";
import { type Address, addressOf, splitAddress } from "../machines/ids.ts";
import type { Json, JsonObject } from "../machines/json.ts";
import { LANES, type ObservationLane } from "../machines/observations.ts";
import type { Outcome, SnapshotRow } from "../storage/store.ts";
import type { Edge } from "./edge.ts";
import { failureFrom } from "./failures.ts";

// Commands
//
// Carries a request to an actor and its outcome back.
//
//   D1. An answer tells what is durable.
//   D2. The same Idempotency-Key from the same caller is one command for as long as the journal keeps what it did: a
//       repeat gets the first outcome, and a key that was used for something else is refused with KEY_REUSED.

// An outage of the bus or a full disk may hold an answer back; callers should not hang on it for ever.
export const ANSWER_WITHIN_MS = 30_000;

type Applied = Extract<Outcome, { type: "applied" }>;

export interface Asked {
  readonly to: Address;
  readonly type: string;
  readonly data: JsonObject;
  readonly epoch?: number;
}

/** What the actor made of a command. Fails with the code it was refused, or dead-lettered, with. */
export async function askActor(
  edge: Edge,
  request: FastifyRequest,
  asked: Asked,
): Promise<Applied> {
  const id = messageIdOf(edge, request);
  const command = { ...asked, ...(id === undefined ? {} : { id }) };
  using due = deadline(ANSWER_WITHIN_MS);
  const outcome = await edge.system.ask(command, due.signal);
  if (id !== undefined) checkKey(edge, id, { asked, outcome });
  return applied(outcome);
}

/**
 * Publishes an observation; resolves with its message id when the stream has it, and one with a key when it is durable
 * what became of it. A key that stands for something else already is refused, also while that is on its way: the stream
 * would take the new one for a repeat, and drop it.
 */
export async function tellActor(
  edge: Edge,
  request: FastifyRequest,
  told: { readonly lane: ObservationLane; readonly id: string; readonly data: JsonObject },
): Promise<string> {
  const { lane, id: target, data } = told;
  const id = messageIdOf(edge, request);
  if (id === undefined) return edge.system.observe(lane, target, data);
  const asked = { to: addressOf(LANES[lane].kind, target), type: `${lane}.observed`, data };
  edge.keys.claim(id, canonical(asked) ?? "");
  const outcome = edge.system.store.seen(id)?.outcome ?? (await toldOnce(edge, told, id));
  try {
    if (outcome.type === "dead") checkLetter(edge, id, { told, letter: outcome.letter });
    checkKey(edge, id, { asked, outcome });
  } catch (error) {
    edge.keys.release(id);
    throw error;
  }
  return id;
}

/** What became of an observation, or of the one that had its id before: another life of the daemon may have sent that. */
async function toldOnce(
  { system, patienceMs }: Edge,
  { lane, id: target, data }: { lane: ObservationLane; id: string; data: JsonObject },
  id: string,
): Promise<Outcome> {
  // Before it is sent: an outcome that passes is told to who waits, and not remembered.
  using due = deadline(patienceMs);
  const settled = system.settled(id, due.signal);
  settled.catch(() => {});
  await system.observe(lane, target, data, id);
  return await settled;
}

/** Of what could not be applied the letter tells what it was. */
function checkLetter(
  edge: Edge,
  id: string,
  said: { told: { lane: ObservationLane; id: string; data: JsonObject }; letter: number },
): void {
  const letter = edge.system.store.deadLetter(said.letter);
  if (letter === undefined || letter.isTruncated) return;
  const { lane, id: target, data } = said.told;
  const isSame =
    letter.subject === `ao.obs.${lane}.${target}` &&
    canonical(JSON.parse(letter.body)) === canonical(data);
  if (isSame) return;
  throw new Failure("KEY_REUSED", `take ${id}: its key was used for ${letter.subject}`);
}

/** The data of the command that a request's key was used for, if it was applied. */
export function firstDataOf(edge: Edge, request: FastifyRequest): Json | undefined {
  const id = messageIdOf(edge, request);
  const outcome = id === undefined ? undefined : edge.system.store.seen(id)?.outcome;
  if (outcome?.type !== "applied") return undefined;
  const { address, seq } = outcome;
  const [first] = edge.system.store.journal(address, { after: seq - 1, limit: 1 });
  return first?.message.id === id ? first?.message.data : undefined;
}

/** Waits until the actors that a step wrote to have read it. Fails with what they made of it. */
export async function settleMail(edge: Edge, { orders }: Applied): Promise<void> {
  const mail = orders.filter(({ type }) => type === "mail");
  using due = deadline(ANSWER_WITHIN_MS);
  const outcomes = await Promise.all(mail.map(({ id }) => edge.system.settled(id, due.signal)));
  for (const outcome of outcomes) applied(outcome);
}

/** Asks for a pass over what nobody holds; it goes on behind the answer. */
export async function collect({ system }: Pick<Edge, "system">): Promise<void> {
  const pass = { to: addressOf("collector", "local"), type: "collector.pass", data: {} };
  using due = deadline(ANSWER_WITHIN_MS);
  await system.ask(pass, due.signal);
}

/** The applied outcome; any other fails with its code. */
export function applied(outcome: Outcome): Applied {
  if (outcome.type === "applied") return outcome;
  const details = outcome.type === "dead" ? { letter: outcome.letter } : undefined;
  throw failureFrom(outcome.code, outcome.message, details);
}

/** The message id that a request's Idempotency-Key stands for; undefined without one. */
export function messageIdOf(edge: Edge, request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new Failure("MALFORMED", "headers/idempotency-key: expected 1 to 128 visible characters");
  }
  const caller = edge.principalOf(request);
  return `http:${caller.type === "owner" ? "owner" : caller.sessionId}:${key}`;
}

/** The committed row of an actor. Fails with ACTOR_UNKNOWN. */
export function knownActor(edge: Edge, address: Address): SnapshotRow {
  const row = edge.system.snapshot(address);
  if (row === undefined) throw new Failure("ACTOR_UNKNOWN", `there is no ${address}`);
  return row;
}

/** A value as JSON keeps it: `undefined` members gone. */
export function toJson(value: object): JsonObject {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON.parse gives for an object
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function checkKey(edge: Edge, id: string, told: { asked: Asked; outcome: Outcome }): void {
  const { asked, outcome } = told;
  if (outcome.type !== "applied" && outcome.type !== "refused") return;
  const query = { after: outcome.seq - 1, limit: 1 };
  const [first] = edge.system.store.journal(outcome.address, query);
  // The journal may be pruned by now; then only the address can be told apart.
  const isSame =
    outcome.address === asked.to &&
    (first?.message.id !== id ||
      (first.message.type === asked.type && isSameData(edge, asked, first.message.data)));
  if (isSame) return;
  const was = `${first?.message.type ?? "a command"} to ${outcome.address}`;
  throw new Failure("KEY_REUSED", `ask ${asked.to} for ${asked.type}: its key was used for ${was}`);
}

/** The journal keeps data as given, or as the actor's schema completed it. */
function isSameData(edge: Edge, { to, type, data }: Asked, was: Json): boolean {
  const schema = edge.system.kinds.get(splitAddress(to).kind)?.accepts[type];
  const completed = schema?.safeParse(data).data;
  return [data, completed].some((candidate) => canonical(candidate) === canonical(was));
}

function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
