import { z } from "zod";
import { MailUndeliverable } from "../children.ts";
import { EffectFailure, effectDone } from "../effects.ts";
import { Token } from "../ids.ts";
import type { EventOf } from "../message.ts";
import type { Decided, Seen } from "../recording.ts";
import type { Settings } from "../settings.ts";
import { Broken } from "./broken-notice.ts";
import { NO_OUTAGES, StruckNotice, type Outages } from "./outages.ts";
import type { Quota, Sample, Slot, Waiting } from "./slots.ts";

// Supervisor record
//
// What the root understands, and what it keeps.

const TROUBLE_CHARS = 300;

/** `data` of each message. */
export const accepts = {
  "root.wake": z.object({}),
  "root.threw": Broken,
  "root.quarantined": Broken,
  "root.notice": StruckNotice,
  "root.repaired": z.object({ objective: Token, what: z.string().max(64) }),
  "slot.wanted": z.object({
    worker: Token,
    host: z.string().max(128).default("local"),
    harness: z.string().max(64).default(""),
    projectId: z.string().max(64).default(""),
  }),
  "slot.released": z.object({ worker: Token }),
  "quota.reached": z.object({ harness: z.string().min(1).max(64), until: z.number() }),
  /** It is over before its time: the one until then, or any when a person says so. */
  "quota.over": z.object({ harness: z.string().min(1).max(64), until: z.number().optional() }),
  "auditActors.done": effectDone("auditActors"),
  "auditActors.failed": EffectFailure,
  "inspectHost.done": effectDone("inspectHost"),
  "inspectHost.failed": EffectFailure,
  "notifyPerson.done": effectDone("notifyPerson"),
  "notifyPerson.failed": EffectFailure,
  "mail.undeliverable": MailUndeliverable,
  "timer.tick": z.object({}),
  "timer.look": z.object({}),
  "timer.tell": z.object({}),
};
export type RootEvent = EventOf<typeof accepts>;

export type RootContext = Outages & {
  readonly held: readonly Slot[];
  readonly queue: readonly Waiting[];
  readonly samples: Readonly<Record<string, Sample>>;
  readonly quotas: readonly Quota[];
  /** A measurement is under way. */
  readonly isLooking: boolean;
  readonly lookedAt: number;
  readonly lookAt: number | null;
  readonly ticks: number;
  readonly lastTick: { readonly at: number; readonly due: number; readonly active: number } | null;
  /** What had to be mended, and how often. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly trouble: { readonly at: number; readonly message: string } | null;
};

/** Of a root that was just born. */
export const NEW_ROOT: RootContext = {
  held: [],
  queue: [],
  samples: {},
  quotas: [],
  isLooking: false,
  lookedAt: 0,
  lookAt: null,
  ticks: 0,
  lastTick: null,
  repairs: {},
  trouble: null,
  ...NO_OUTAGES,
};

export type SeenBy = Seen<RootContext, RootEvent>;
export type RootStep = Decided<RootContext>;

/** What of the settings the root must know. */
export interface Limits {
  readonly tickMs: number;
  readonly gates: Settings["scheduling"];
}

/** One more thing that had to be mended, so many times. */
export function repaired(context: RootContext, what: string, count: number): RootContext {
  if (count === 0) return context;
  const repairs = { ...context.repairs, [what]: (context.repairs[what] ?? 0) + count };
  return { ...context, repairs };
}

/** What is kept of a failure, cut to what people read. */
export function troubleOf(message: string, at: number): RootContext["trouble"] {
  return { at, message: message.slice(0, TROUBLE_CHARS) };
}
