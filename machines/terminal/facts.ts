import { assertEvent } from "xstate";
import { z } from "zod";
import {
  ChildStop,
  Delivery,
  MailUndeliverable,
  mailTo,
  type Trouble,
  type Undeliverable,
} from "../children.ts";
import { EffectFailure, effectDone, LaunchSpec } from "../effects.ts";
import type { Address } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { EventOf } from "../message.ts";
import { TerminalObservation } from "../observations.ts";
import type { EffectOrder, Order } from "../order.ts";
import type { Seen } from "../recording.ts";
import type { Cause } from "../supervision/supervision.ts";

// Terminal facts
//
// What a terminal keeps, what each message says about it, and the orders and receipts made of both. Pure.

/** Texts that may wait for one terminal. */
export const QUEUE_LIMIT = 64;
// Ending a process group fails when tmux is away; it comes back within seconds or needs a person.
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
// A parent that breaks on it for a quarter of an hour is quarantined by then, and its own parent knows.
const MOST_TOLD = 20;
// A screen that changed again moves the beginning of the quiet by more than a probe's own jitter.
const QUIET_JITTER_MS = 2_000;

/** What a terminal understands. */
export const accepts = {
  "child.start": z.object({
    epoch: z.number().int().positive(),
    host: z.string().default("local"),
    launch: LaunchSpec,
  }),
  "child.stop": ChildStop,
  "terminal.deliver": Delivery,
  "terminal.observed": TerminalObservation,
  "launchTerminal.done": effectDone("launchTerminal"),
  "launchTerminal.failed": EffectFailure,
  "destroyTerminal.done": effectDone("destroyTerminal"),
  "destroyTerminal.failed": EffectFailure,
  "typeText.done": effectDone("typeText"),
  "typeText.failed": EffectFailure,
  "inspectTerminal.done": effectDone("inspectTerminal"),
  "inspectTerminal.failed": EffectFailure,
  "timer.retry": z.object({}),
  "timer.look": z.object({}),
  "mail.undeliverable": MailUndeliverable,
  "timer.tell": z.object({}),
};
export type TerminalEvent = EventOf<typeof accepts>;

type Waiting = {
  readonly deliveryId: string;
  readonly text: string;
  readonly submit: boolean;
  readonly from: Address | null;
};
type Incarnation = {
  readonly epoch: number;
  readonly host: string;
  readonly launch: LaunchSpec;
  readonly parent: Address | null;
};
type Exit = {
  readonly at: number;
  readonly cause: Cause;
  readonly exitCode: number | null;
  readonly signal: string | null;
};

export type TerminalContext = {
  readonly id: string;
  readonly parent: Address | null;
  readonly host: string;
  readonly epoch: number;
  readonly launch: LaunchSpec | null;
  readonly pid: number | null;
  readonly exit: Exit | null;
  /** The exit that a probe tells of, until a look of our own says whether it is so. */
  readonly claim: Exit | null;
  /** Since when the screen has not changed, as far as probes saw. */
  readonly quietSince: number | null;
  readonly typing: Waiting | null;
  readonly waiting: readonly Waiting[];
  /** What shall run once the present process is gone. */
  readonly successor: Incarnation | null;
  /** The stop that waits for its answer, and who asked for it in its parent's place. */
  readonly stop: { readonly epoch: number; readonly tell: boolean; readonly by?: Address } | null;
  readonly graceMs: number;
  /** So often its parent could not be told that the process exited. */
  readonly untold: number;
  readonly launchFailure: Trouble | null;
  /** Why the process could not be ended yet, and how often that was tried. */
  readonly destroyFailure: (Trouble & { readonly rounds: number }) | null;
};
export type SeenBy = Seen<TerminalContext, TerminalEvent>;

/** Whether a result speaks of the present incarnation. */
export function isCurrent({ context, event }: SeenBy): boolean {
  return event.epoch === undefined || event.epoch === context.epoch;
}

/** Whether a start asks for an incarnation newer than every one known. */
export function isNewer({ context, event }: SeenBy): boolean {
  const newest = Math.max(context.epoch, context.successor?.epoch ?? 0, context.stop?.epoch ?? 0);
  return event.type === "child.start" && event.data.epoch > newest;
}

/** The incarnation that a start asks for. */
export function incarnationOf({ event }: SeenBy): Incarnation {
  assertEvent(event, "child.start");
  const { epoch, host, launch } = event.data;
  return { epoch, host, launch, parent: event.from ?? null };
}

/** How the process ended, as a probe says. */
export function claimOf({ event }: SeenBy): Exit {
  assertEvent(event, "terminal.observed");
  const { exitCode, signal } = event.data;
  return {
    at: event.at,
    cause: causeOf(exitCode, signal),
    exitCode: exitCode ?? null,
    signal: signal ?? null,
  };
}

/** A process that left neither code nor signal was lost with its server: nobody's crash. */
function causeOf(exitCode: number | undefined, signal: string | undefined): Cause {
  if (signal !== undefined) return "crash";
  if (exitCode === undefined) return "infra";
  return exitCode === 0 ? "clean" : "crash";
}

/** The stop that is asked for; whoever is not the parent asks in its place, and hears of the end too. */
export function stopOf({ context: { parent }, event }: SeenBy): TerminalContext["stop"] {
  assertEvent(event, "child.stop");
  const { from: by, data } = event;
  const isParents = by === undefined || by === parent;
  return { epoch: data.epoch, tell: data.tell ?? false, ...(!isParents && { by }) };
}

/** What an effect could not do. */
export function troubleOf({ event }: SeenBy): Trouble {
  assertEvent(event, ["launchTerminal.failed", "destroyTerminal.failed", "typeText.failed"]);
  return { at: event.at, code: event.data.code, message: event.data.message };
}

/** Whether a text is meant for the present incarnation. */
export function isForThisEpoch({ context, event }: SeenBy): boolean {
  return event.type === "terminal.deliver" && event.data.epoch === context.epoch;
}

/** The text that a delivery brings. */
export function waitingOf({ event }: SeenBy): Waiting {
  assertEvent(event, "terminal.deliver");
  const { deliveryId, text, submit } = event.data;
  return { deliveryId, text, submit, from: event.from ?? null };
}

/** The receipt of a text that was not typed. */
export function returned(
  { deliveryId, from }: Waiting,
  reason: Undeliverable["reason"],
  detail: string,
): readonly Order[] {
  return mailTo(from, "terminal.undeliverable", { deliveryId, reason, detail });
}

/** One order to the pane, fenced by the present epoch. */
export function paneOrder(context: TerminalContext, name: string, more: JsonObject): EffectOrder {
  const { id, host, epoch } = context;
  const data = { terminal: id, host, epoch, ...more };
  return { type: "effect", name, lane: `terminal:${id}`, epoch, data };
}

/** When the n-th round of what failed is tried again, milliseconds since 1970. */
export function retryAt(rounds: number, at: number): number {
  return at + Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(10, rounds - 1));
}

/** Whether the news of this exit became a dead letter, and may still be told. */
export function isUntold({ context, event }: SeenBy): boolean {
  if (event.type !== "mail.undeliverable" || event.data.name !== "child.exited") return false;
  return event.data.to === context.parent && context.untold < MOST_TOLD;
}

/** Whether a probe says that this process is dead, and nobody looks already. */
export function isClaim({ context, event }: SeenBy): boolean {
  if (event.type !== "terminal.observed" || context.claim !== null) return false;
  return event.data.process === "dead" && event.data.epoch === context.epoch;
}

/** Whether a probe said so of the present incarnation, and no look has answered. */
export function isClaimed(seen: SeenBy): boolean {
  return isCurrent(seen) && seen.context.claim !== null;
}

/** Whether our own look found dead what a probe said is dead. */
export function isDead(seen: SeenBy): boolean {
  const { event } = seen;
  if (event.type !== "inspectTerminal.done" || !isClaimed(seen)) return false;
  const { runtime, process } = event.data.result;
  return process === "dead" || (runtime === "dead" && process !== "alive");
}

/**
 * How it ended, as our own look found it. A program that ends by itself leaves its pane: where that is gone too the
 * terminal was lost, and the code or signal only says how the program took it.
 */
export function exitOf({ context: { claim }, event }: SeenBy): Exit | null {
  assertEvent(event, "inspectTerminal.done");
  const isLost = event.data.result.runtime === "dead";
  return claim !== null && isLost
    ? { ...claim, cause: "infra", exitCode: null, signal: null }
    : claim;
}

/** One look at the pane and the process in it; it waits for no text that is being typed. */
export function lookOrder(context: TerminalContext): EffectOrder {
  return { ...paneOrder(context, "inspectTerminal", {}), lane: `look:${context.id}` };
}

/** Whether the screen changed since it was last seen. */
export function hasMoved({ context, event }: SeenBy): boolean {
  if (event.type !== "terminal.observed" || event.data.quietMs === undefined) return false;
  if (event.data.process !== "alive" || event.data.epoch !== context.epoch) return false;
  const since = event.at - event.data.quietMs;
  return context.quietSince === null || Math.abs(since - context.quietSince) > QUIET_JITTER_MS;
}

/** Tells the parent how the process ended. */
export function exitMail({ parent, epoch, exit }: TerminalContext): readonly Order[] {
  return mailTo(parent, "child.exited", {
    epoch,
    cause: exit?.cause ?? "infra",
    exitCode: exit?.exitCode ?? undefined,
    signal: exit?.signal ?? undefined,
  });
}

/** One answer for whatever waits for this end: a stop, or the launch that failed. */
export function goneMail(context: TerminalContext): readonly Order[] {
  const { parent, epoch, stop, launchFailure, successor } = context;
  if (stop !== null) {
    const told = [parent, stop.by];
    return told.flatMap((to) => mailTo(to, "child.stopped", { epoch: stop.epoch }));
  }
  if (launchFailure === null || successor !== null) return [];
  const { code, message } = launchFailure;
  return mailTo(parent, "child.exited", { epoch, cause: "launch", code, message });
}

/** Tells the parent that wants to know it that the process could not be ended yet. */
export function unstoppableMail(seen: SeenBy): readonly Order[] {
  const { parent, epoch, stop } = seen.context;
  if (stop?.tell !== true) return [];
  const { code, message } = troubleOf(seen);
  return mailTo(parent, "child.unstoppable", { epoch, code, message });
}

/** Gives back every text that was not surely typed. */
export function returnedTexts({ typing, waiting }: TerminalContext): readonly Order[] {
  const cut =
    typing === null ? [] : returned(typing, "interrupted", "the process ended while it was typed");
  return [...cut, ...waiting.flatMap((each) => returned(each, "not_live", "the process ended"))];
}
