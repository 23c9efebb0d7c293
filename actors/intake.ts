import { parseSubject } from "../bus/subjects.ts";
import type { RawMessage } from "../bus/bus.ts";
import { Failure } from "../machines/failures.ts";
import { Address, splitOrderId } from "../machines/ids.ts";
import { withoutHalves } from "../machines/json.ts";
import { Envelope, type Message } from "../machines/message.ts";
import type { Rejection } from "./letters.ts";
import { isOrderId, isReservedId, unsealedId } from "./message-ids.ts";

// Intake
//
// Makes a message of what stands in the stream. Owns subjects, headers, JSON and the defaults of id and time.
//
//   I1. Whatever came, the answer is a message or a rejection with a code; nothing is thrown.
//   I2. A message without an id is named by its place in the stream, so a re-read is a duplicate.
//   I3. A probe cannot take the id of an order, a command or a timer and so make the real one look like a repeat: such
//       ids are accepted of observations only under the seal that this store alone knows.
//   I4. A fact cannot lie in the future: its time is at most a little later than the stream's.
//   I5. An observation that an actor ordered is known by our seal and its order; nobody else can speak as an actor.

export type Decoded =
  | { readonly type: "message"; readonly message: Message }
  | { readonly type: "rejected"; readonly rejection: Rejection };

export interface IntakeRules {
  /** Bodies over this are rejected unread. */
  readonly maxBytes: number;
  /** The secret name of the store, which seals its own ids. */
  readonly cluster: string;
}

/** Clocks of other machines may be ahead by this. */
const SKEW_MS = 60_000;
const LONGEST_ID = 256;
/** JSON nested some thousand deep can be read but not written again: it would break the commit of its whole batch. */
const DEEPEST = 64;
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads one raw message. */
export function decode(raw: RawMessage, rules: IntakeRules): Decoded {
  const place = `${raw.stream}:${raw.seq}`;
  try {
    return { type: "message", message: read(raw, { id: idOf(raw, place, rules), rules }) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message } = error;
    const id = code === "ID_RESERVED" ? place : (givenId(raw, rules) ?? place);
    const to = addresseeOf(raw.subject);
    return { type: "rejected", rejection: { code, message, id, ...(to && { to }) } };
  }
}

function givenId({ headers }: RawMessage, { cluster }: IntakeRules): string | undefined {
  const given = headers["Nats-Msg-Id"];
  return unsealedId(given, cluster) ?? given;
}

function idOf(raw: RawMessage, place: string, rules: IntakeRules): string {
  const given = raw.headers["Nats-Msg-Id"];
  const id = givenId(raw, rules) ?? place;
  const isOurs = given === undefined || unsealedId(given, rules.cluster) !== undefined;
  const isProbes = raw.subject.startsWith("ao.obs.");
  if (id.length > LONGEST_ID || (isProbes && !isOurs && isReservedId(id))) {
    throw new Failure(
      "ID_RESERVED",
      `read ${raw.subject}: the id ${id.slice(0, 80)} is not a probe's to use`,
    );
  }
  return id;
}

function read(raw: RawMessage, { id, rules }: { id: string; rules: IntakeRules }): Message {
  const subject = parseSubject(raw.subject);
  const isOurs = unsealedId(raw.headers["Nats-Msg-Id"], rules.cluster) !== undefined;
  // Ours were measured when they were ordered.
  if (!isOurs && raw.body.byteLength > rules.maxBytes) {
    throw new Failure(
      "MESSAGE_TOO_LARGE",
      `read ${raw.subject}: ${raw.body.byteLength} bytes, the limit is ${rules.maxBytes}`,
    );
  }
  if (subject.type === "observation")
    return observation(raw, { id, lane: subject.lane, to: subject.to, isOurs });
  if (subject.type === "command" || subject.type === "mail") {
    return enveloped(raw, { id, to: subject.to, isMail: subject.type === "mail" });
  }
  throw new Failure("SUBJECT_UNKNOWN", `read ${raw.subject}: not a subject of the stream`);
}

function observation(
  raw: RawMessage,
  { id, lane, to, isOurs }: { id: string; lane: string; to: Address; isOurs: boolean },
): Message {
  const data = parseJson(raw);
  const cause = raw.headers["Ao-Cause"];
  const epoch = epochIn(data);
  const from = isOurs && cause !== undefined && isOrderId(cause) && splitOrderId(cause).address;
  return {
    id,
    type: `${lane}.observed`,
    at: timeOf(raw, headerTime(raw)),
    to,
    // I5
    ...(from !== false && { from }),
    ...(cause !== undefined && { cause }),
    ...(epoch !== undefined && { epoch }),
    data,
  };
}

function enveloped(
  raw: RawMessage,
  { id, to, isMail }: { id: string; to: Address; isMail: boolean },
): Message {
  const checked = Envelope.safeParse(parseJson(raw));
  if (!checked.success) {
    throw new Failure("SHAPE_WRONG", `read ${raw.subject}: ${issuesOf(checked.error.issues)}`);
  }
  const { from, data, epoch, ...envelope } = checked.data;
  // Only mail has a sender: nobody outside may speak as an actor.
  const sender = isMail ? Address.safeParse(from).data : undefined;
  const cause = envelope.cause ?? raw.headers["Ao-Cause"];
  return {
    id: envelope.id ?? id,
    type: envelope.type,
    at: timeOf(raw, envelope.at ?? headerTime(raw)),
    to,
    ...(sender !== undefined && { from: sender }),
    ...(cause !== undefined && { cause }),
    ...(epoch !== undefined && { epoch }),
    data,
  };
}

function parseJson(raw: RawMessage): unknown {
  const value = parsed(raw);
  if (!isDeeperThan(DEEPEST, value)) return value;
  throw new Failure("SHAPE_WRONG", `read ${raw.subject}: nested more than ${DEEPEST} deep`);
}

function parsed(raw: RawMessage): unknown {
  try {
    return JSON.parse(withoutHalves(decoder.decode(raw.body)));
  } catch (cause) {
    throw new Failure("BAD_JSON", `read ${raw.subject}: the body is not JSON`, { cause });
  }
}

function isDeeperThan(limit: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((inner) => isDeeperThan(limit - 1, inner));
}

function timeOf(raw: RawMessage, at: number | undefined): number {
  return at === undefined || at > raw.time + SKEW_MS ? raw.time : at;
}

function headerTime(raw: RawMessage): number | undefined {
  const text = raw.headers["Ao-At"];
  if (text === undefined) return undefined;
  const at = Number(text);
  return Number.isSafeInteger(at) && at >= 0 ? at : undefined;
}

function epochIn(body: unknown): number | undefined {
  if (typeof body !== "object" || body === null || !("epoch" in body)) return undefined;
  const { epoch } = body;
  return typeof epoch === "number" && Number.isSafeInteger(epoch) && epoch >= 0 ? epoch : undefined;
}

function addresseeOf(text: string): Address | undefined {
  try {
    const subject = parseSubject(text);
    return "to" in subject ? subject.to : undefined;
  } catch {
    return undefined;
  }
}

/** Zod's issues as one line: `path: what is wrong`, at most five of them. */
export function issuesOf(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  return issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.map(String).join(".") || "(body)"}: ${message}`)
    .join("; ");
}
