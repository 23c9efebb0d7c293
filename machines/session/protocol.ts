import { z } from "zod";
import {
  ChildExited,
  ChildQuarantined,
  ChildStarted,
  ChildStopped,
  MailUndeliverable,
  Undeliverable,
} from "../children.ts";
import { Permissions } from "../harness/harness.ts";
import { Token } from "../ids.ts";
import { EffectFailure, effectDone } from "../effects.ts";
import type { EventOf } from "../message.ts";
import {
  ActivityObservation,
  RuntimeObservation,
  ScmObservation,
  WorkspaceObservation,
} from "../observations.ts";
import { ReviewFeedback, Reviewing, ReviewRequest, ReviewWishes } from "../review/worker.ts";

/** What a session understands. */
export const accepts = {
  "session.start": z.object({
    projectId: Token,
    root: z.string(),
    scm: z.string(),
    baseRef: z.string(),
    branch: z.string(),
    kind: z.string(),
    harness: z.string(),
    /** The program with its first arguments; what its harness adds is added at the launch. */
    argv: z.array(z.string()).min(1),
    model: z.string().exactOptional(),
    permissions: Permissions.exactOptional(),
    env: z.record(z.string(), z.string()).default({}),
    title: z.string().default(""),
    prompt: z.string(),
    objectiveId: Token.optional(),
    /** Whether a pull request that is ready is merged without being asked. */
    mergeOnGreen: z.boolean().default(false),
    /** Whether it rests at a limit of its harness and goes on by itself. */
    quotaPause: z.boolean().default(true),
    /** How its project wants its work reviewed. */
    reviewing: Reviewing.optional(),
    /** How its terminal is kept. Durations are milliseconds. */
    restart: z
      .object({
        restart: z.enum(["temporary", "transient", "permanent"]).default("temporary"),
        intensity: z.number().int().nonnegative().default(3),
        periodMs: z.number().int().positive().default(600_000),
        backoffMs: z.number().int().nonnegative().default(1_000),
        backoffMaxMs: z.number().int().nonnegative().default(60_000),
      })
      .prefault({}),
  }),
  /** Review its work; passed on with what the session knows. */
  "session.review": ReviewRequest,
  /** How a person wants its reviews to go. */
  "session.reviewing": ReviewWishes.extend({ reviewing: Reviewing.optional() }),
  "project.reviewing": Reviewing.extend({ quotaPause: z.boolean().optional() }),
  "review.feedback": ReviewFeedback,
  "review.withdraw": z.object({ deliveryId: z.string(), reason: z.string() }),
  "session.kill": z.object({ kind: z.enum(["manual", "cleanup", "error"]).default("manual") }),
  "session.restore": z.object({}),
  "session.send": z.object({
    text: z.string().min(1).max(1_048_576),
    /** What may stand in its way: a person's words are typed into a question, others are not. */
    kind: z.enum(["text", "nudge", "coordination"]).optional(),
    /** How its sender names it in the receipt. */
    ref: z.string().min(1).max(128).optional(),
  }),
  "session.report": z.object({
    summary: z.string().max(65_536),
    outcome: z.string().min(1).max(64).default("succeeded"),
  }),
  /** Looks at the time of every reaction. */
  "session.tick": z.object({}),
  /** A person says that the limit of its harness is over. */
  "session.lift": z.object({}),
  /** A person saw it. */
  "session.acknowledge": z.object({ noticeId: z.string().min(1).max(128) }),
  "runtime.observed": RuntimeObservation,
  "activity.observed": ActivityObservation,
  "scm.observed": ScmObservation,
  "workspace.observed": WorkspaceObservation,
  "child.started": ChildStarted,
  "child.exited": ChildExited,
  "child.stopped": ChildStopped,
  "child.quarantined": ChildQuarantined,
  "terminal.delivered": z.object({ deliveryId: z.string() }),
  "terminal.undeliverable": Undeliverable,
  "notifyPerson.done": effectDone("notifyPerson"),
  "notifyPerson.failed": EffectFailure,
  "inspectTerminal.done": effectDone("inspectTerminal"),
  "inspectTerminal.failed": EffectFailure,
  "mail.undeliverable": MailUndeliverable,
  "timer.restart": z.object({}),
  "timer.lease": z.object({}),
  "timer.watch": z.object({}),
  "timer.escalation": z.object({}),
  "timer.confirm": z.object({}),
};
export type SessionEvent = EventOf<typeof accepts>;
export type EventNamed<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;
