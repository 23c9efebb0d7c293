import { Failure } from "../machines/failures.ts";
import { addressOf, KINDS, Token } from "../machines/ids.ts";
import type { Address, KindName } from "../machines/ids.ts";
import { LANE_NAMES, LANES } from "../machines/observations.ts";
import type { ObservationLane } from "../machines/observations.ts";

/** What the stream keeps; everything else is heard only by who listens at that moment. */
export const MAIL_SUBJECTS = ["ao.obs.>", "ao.cmd.>", "ao.msg.>"] as const;
/** All a probe may publish. */
export const PROBE_SUBJECTS = "ao.obs.>";
/** Where dead letters are told. */
export const DEAD_SUBJECT = "ao.dead";
/** Where requests of NATS clients are answered. */
export const API_SUBJECTS = "ao.api.>";

/** What a subject says. `to` is the actor that the message is for. */
export type Subject =
  | {
      readonly type: "observation";
      readonly lane: ObservationLane;
      readonly id: string;
      readonly to: Address;
    }
  | { readonly type: "command"; readonly to: Address }
  | { readonly type: "mail"; readonly to: Address }
  | { readonly type: "event"; readonly of: Address; readonly name: string }
  | { readonly type: "dead" }
  | { readonly type: "api"; readonly path: readonly string[] };

/** `ao.obs.<lane>.<id>`. Fails with MALFORMED when the id is not a token. */
export function observationSubject(lane: ObservationLane, id: string): string {
  return `ao.obs.${lane}.${checkToken(id, `observation of ${lane}`)}`;
}

/** `ao.cmd.<kind>.<id>`. */
export function commandSubject(to: Address): string {
  return `ao.cmd.${to.replace("/", ".")}`;
}

/** `ao.msg.<kind>.<id>`. */
export function mailSubject(to: Address): string {
  return `ao.msg.${to.replace("/", ".")}`;
}

/** `ao.evt.<kind>.<id>.<type>`; the type may have dots of its own. */
export function eventSubject(of: Address, type: string): string {
  return `ao.evt.${of.replace("/", ".")}.${type}`;
}

/**
 * Takes a subject apart. Fails with SUBJECT_UNKNOWN when it is none of ours, KIND_UNKNOWN when it names no kind of
 * actor, MALFORMED when an id is not a token.
 */
export function parseSubject(subject: string): Subject {
  const [root, family, ...rest] = subject.split(".");
  if (root !== "ao") throw unknownSubject(subject, "it does not begin with ao.");
  switch (family) {
    case "obs":
      return parseObservation(subject, rest);
    case "cmd":
      return { type: "command", to: parseAddress(subject, rest) };
    case "msg":
      return { type: "mail", to: parseAddress(subject, rest) };
    case "evt":
      return parseEvent(subject, rest);
    case "dead":
      if (rest.length > 0) throw unknownSubject(subject, "ao.dead has no parts");
      return { type: "dead" };
    case "api":
      if (rest.length === 0) throw unknownSubject(subject, "ao.api names no route");
      return { type: "api", path: rest };
    case undefined:
    default:
      throw unknownSubject(subject, "after ao. comes one of obs, cmd, msg, evt, dead, api");
  }
}

function parseObservation(subject: string, rest: readonly string[]): Subject {
  const [lane, id] = rest;
  if (lane === undefined || id === undefined || rest.length !== 2) {
    throw unknownSubject(subject, "an observation is ao.obs.<lane>.<id>");
  }
  if (!isLane(lane)) {
    throw unknownSubject(subject, `there is no lane ${lane}; lanes are ${LANE_NAMES.join(", ")}`);
  }
  return {
    type: "observation",
    lane,
    id,
    to: addressOf(LANES[lane].kind, checkToken(id, subject)),
  };
}

function parseAddress(subject: string, rest: readonly string[]): Address {
  const [kind, id] = rest;
  if (kind === undefined || id === undefined || rest.length !== 2) {
    throw unknownSubject(subject, "the addressee is <kind>.<id>");
  }
  return addressOf(checkKind(kind, subject), checkToken(id, subject));
}

function parseEvent(subject: string, rest: readonly string[]): Subject {
  const [kind, id, ...name] = rest;
  if (kind === undefined || id === undefined || name.length === 0) {
    throw unknownSubject(subject, "an event is ao.evt.<kind>.<id>.<type>");
  }
  return { type: "event", of: parseAddress(subject, [kind, id]), name: name.join(".") };
}

function isLane(lane: string): lane is ObservationLane {
  return Object.hasOwn(LANES, lane);
}

const KIND_NAMES: ReadonlySet<string> = new Set(KINDS);
function isKind(kind: string): kind is KindName {
  return KIND_NAMES.has(kind);
}

function checkKind(kind: string, where: string): KindName {
  if (isKind(kind)) return kind;
  throw new Failure(
    "KIND_UNKNOWN",
    `read ${where}: there is no kind ${kind}; kinds are ${KINDS.join(", ")}`,
  );
}

function checkToken(token: string, where: string): string {
  if (Token.safeParse(token).success) return token;
  throw new Failure(
    "MALFORMED",
    `read ${where}: "${token}" is not an id; expected 1 to 64 of A-Z a-z 0-9 _ -`,
  );
}

function unknownSubject(subject: string, reason: string): Failure {
  return new Failure("SUBJECT_UNKNOWN", `read subject ${subject}: ${reason}`);
}
