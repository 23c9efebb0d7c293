import type { z } from "zod";
import { EFFECTS } from "../effects.ts";
import { byName } from "../natural-order.ts";
import { tellOrder } from "../notices.ts";
import type { Order } from "../order.ts";

// Outages
//
// One failure of the machine strikes many agents: their terminals are lost with the server, or nobody can see them. Each
// session keeps its own notice; a person is told once. Pure.
//
//   G1. A notice is told two seconds after the last of them came, ten after the first at the latest: alone as its session
//       wrote it, with others of its type as one.
//   G2. The one notice is told as long as one of them stands: whether each does is its session's to say.
//   G3. What waits and what is kept is bounded: what does not fit is told at once, and the oldest is forgotten.

const QUIET_MS = 2_000;
const MOST_MS = 10_000;
const MOST_AT_ONCE = 256;
const KEPT = 8;
/** So many are named; the rest are counted. */
const NAMED = 12;

/** `root.notice`, from a session: what it would tell a person, were it alone. */
export const StruckNotice = EFFECTS.notifyPerson.data;
export type StruckNotice = z.infer<typeof StruckNotice>;

/** What was told of several at once. */
export type Outage = {
  readonly id: string;
  readonly type: StruckNotice["type"];
  readonly priority: StruckNotice["priority"];
  readonly title: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly members: readonly { readonly sessionId: string; readonly noticeId: string }[];
};

export type Outages = {
  /** Since when the first of them waits, and all that wait; null when none does. */
  readonly gathered: { readonly since: number; readonly notices: readonly StruckNotice[] } | null;
  /** Told, oldest first. */
  readonly outages: readonly Outage[];
  /** So far: numbers the next one. */
  readonly outaged: number;
};

export const NO_OUTAGES: Outages = { gathered: null, outages: [], outaged: 0 };

type Step<Context> = { readonly context: Context; readonly orders: readonly Order[] };

/** One more that waits for its like (G1). */
export function gathered<Context extends Outages>(
  context: Context,
  notice: StruckNotice,
  at: number,
): Step<Context> {
  const { since, notices } = context.gathered ?? { since: at, notices: [] };
  const next = { ...context, gathered: { since, notices: [...notices, notice] } };
  if (notices.length + 1 >= MOST_AT_ONCE) return told(next, at);
  const dueAt = Math.min(at + QUIET_MS, since + MOST_MS);
  return { context: next, orders: [{ type: "arm", name: "tell", dueAt }] };
}

/** Tells all that waits, those of one type as one. */
export function told<Context extends Outages>(context: Context, at: number): Step<Context> {
  const notices = context.gathered?.notices ?? [];
  const byType = Map.groupBy(notices, ({ type }) => type);
  return [...byType.values()].reduce<Step<Context>>(
    (step, unsorted) => {
      const alike = unsorted.toSorted((a, b) => byName(a.sessionId, b.sessionId));
      const [alone] = alike;
      if (alone !== undefined && alike.length === 1) {
        return { ...step, orders: [...step.orders, tellOrder(alone)] };
      }
      const outage = outageOf(alike, { number: step.context.outaged + 1, at });
      const outages = [...step.context.outages, outage].slice(-KEPT);
      const next = { ...step.context, outages, outaged: step.context.outaged + 1 };
      return { context: next, orders: [...step.orders, tellOrder(asNotice(outage, alike))] };
    },
    { context: { ...context, gathered: null }, orders: [] },
  );
}

function outageOf(
  alike: readonly StruckNotice[],
  { number, at }: { readonly number: number; readonly at: number },
): Outage {
  const { type, priority } = alike[0] ?? { type: "agent-exited", priority: "urgent" };
  const ids = alike.map(({ sessionId }) => sessionId);
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  const [what, next] = WORDS[type === "agent-stuck" ? "stuck" : "lost"];
  return {
    id: `supervisor-outage-n${number}`,
    type,
    priority,
    title: `${ids.length} agents ${what}`,
    text: `${ids.slice(0, NAMED).join(", ")}${more}. ${next}`,
    at,
    members: alike.map(({ sessionId, noticeId }) => ({ sessionId, noticeId })),
  };
}

const WORDS = {
  lost: [
    "ended at once: their terminals were lost",
    "Most likely their tmux server ended. Bring them back: ao restore --lost",
  ],
  stuck: ["are stuck at once: nobody can see them", "Look at the machine: ao doctor"],
} as const;

function asNotice(
  { id, type, priority, title, text, at }: Outage,
  alike: readonly StruckNotice[],
): StruckNotice {
  const projects = new Set(alike.map(({ projectId }) => projectId));
  const [projectId = ""] = projects;
  const [first] = alike;
  return {
    noticeId: id,
    sessionId: first?.sessionId ?? "none",
    sessionIds: alike.map(({ sessionId }) => sessionId),
    projectId: projects.size === 1 ? projectId : "",
    type,
    priority,
    title,
    text,
    about: "",
    at,
  };
}
