import type { JsonObject } from "../../machines/json.ts";
import type { Outcome } from "../../storage/store.ts";
import { T0, type Stage } from "./stage.ts";

// Play
//
// One case under way, and what a step of it comes to.

export interface Play {
  readonly stage: Stage;
  /** What the pure steps carry from one to the next. */
  memory: unknown;
  /** Revisions that stand for facts beside the axes (P2). */
  beside: number;
  /** The epoch of every launch that the case named. */
  readonly launches: Map<string, number>;
  /** What became of each batch of reviews, in the order of the steps. */
  readonly outcomes: string[];
}

/** A case before its first step. */
export function playOn(stage: Stage): Play {
  return { stage, memory: null, beside: 0, launches: new Map(), outcomes: [] };
}

/** What one step came to, beside what it left in the record. */
export interface StepResult {
  readonly isError: boolean;
  readonly code?: string;
  /** Of a decider that was only asked. */
  readonly shown?: Record<string, unknown>;
}

export const GOOD: StepResult = { isError: false };

/** What became of a command. */
export function resultOf(outcome: Outcome): StepResult {
  return outcome.type === "applied" ? GOOD : { isError: true, code: outcome.code };
}

/** Milliseconds since 1970 of a second of the case; now unless given. */
function timeOf(stage: Stage, atSec: number | undefined): number {
  return atSec === undefined ? stage.clock.now() : T0 + atSec * 1_000;
}

/** What a probe tells of the session. */
export async function observed(
  { stage }: Play,
  lane: string,
  { atSec, ...data }: JsonObject & { atSec?: number | undefined },
): Promise<StepResult> {
  await stage.publish(`ao.obs.${lane}.${stage.id}`, data, timeOf(stage, atSec));
  return GOOD;
}

/** Mail of another actor to the session; an error when it came to a dead letter. */
export async function mailed(
  { stage }: Play,
  { type, from, data }: { type: string; from: string; data: JsonObject },
): Promise<StepResult> {
  const before = stage.system.report().dead;
  await stage.publish(`ao.msg.session.${stage.id}`, { type, from, data }, stage.clock.now());
  await stage.rest();
  return { isError: stage.system.report().dead > before };
}

/** The members that have a value. */
export function present(
  members: Readonly<Record<string, string | number | undefined>>,
): JsonObject {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undefined members were left out
  return Object.fromEntries(there) as JsonObject;
}
