import { z } from "zod";
import { addressOf } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { Order } from "../order.ts";
import { Command } from "../argument.ts";

// Orchestrators
//
// How one orchestrator of a project takes the place of all before it. Pure.
//
//   O1. The next one begins only when none of those before has anything left to end: each has said so itself.
//   O2. One succession at a time: whoever asks again is told of the one under way.
//   O3. Those that do not end are told again until they do; nothing begins in hope.

// A kill takes its grace and a worktree; asked again, a session that is ending says nothing new.
const AGAIN_AFTER_MS = 30_000;

/** `project.orchestrate`: start an orchestrator; `clean` ends every active one first. */
export const Orchestrate = z.object({
  clean: z.boolean().default(false),
  prompt: z.string().min(1).max(1_048_576).optional(),
  harness: z.string().min(1).max(64).optional(),
  command: Command.optional(),
  title: z.string().max(1_000).optional(),
});

/** An orchestrator that begins when those before it have ended. */
export type Succession = {
  readonly sessionId: string;
  /** The `session.start` that waits. */
  readonly start: JsonObject;
  /** Sessions that still have something to end. */
  readonly ending: readonly string[];
  /** Milliseconds since 1970. */
  readonly since: number;
};

/** What an orchestrator is told when nobody gives it a prompt. */
export function orchestratorPrompt(projectId: string): string {
  return [
    `You orchestrate the project ${projectId}: you split work, start agents for it, and see to it that it ends well.`,
    "See what there is with `ao ls` and `ao show <session>`, start agents with `ao spawn`, and talk to them with `ao send`.",
    "Do not change the repository yourself.",
  ].join("\n");
}

/** The succession without a session that has ended; null when that was the last, and the next may begin (O1). */
export function withoutPredecessor(succession: Succession, ended: string): Succession | null {
  const ending = succession.ending.filter((id) => id !== ended);
  return ending.length === 0 ? null : { ...succession, ending };
}

/** Tells all that are left to end, and when to tell them again (O3). */
export function endPredecessors({ ending }: Succession, at: number): Order[] {
  return [
    ...ending.map((id): Order => ({
      type: "mail",
      to: addressOf("session", id),
      name: "session.kill",
      data: { kind: "cleanup" },
    })),
    { type: "arm", name: "succession", dueAt: at + AGAIN_AFTER_MS },
  ];
}

/** The order that lets the next one begin. */
export function beginSuccessor({ sessionId, start }: Succession): Order[] {
  return [
    { type: "mail", to: addressOf("session", sessionId), name: "session.start", data: start },
    { type: "cancel", name: "succession" },
  ];
}
