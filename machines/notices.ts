import type { JsonObject } from "./json.ts";
import type { EffectOrder, Order } from "./order.ts";

// Notices
//
// What a person should know of one session: what is open, and what was seen of it. Pure.
//
//   P1. Of one matter there is at most one open notice; the same matter again tells nobody.
//   P2. A notice ends with what it was about, whether anybody saw it or not.
//   P3. A list is kept short: what is over goes first, then the oldest.

export const NOTICE_TYPES = [
  "agent-stuck",
  "agent-needs-input",
  "agent-exited",
  "approved-and-green",
  "pr-closed",
  "all-complete",
  "escalated",
  "question",
  "disk-full",
  "actor-threw",
  "actor-quarantined",
] as const;
export type NoticeType = (typeof NOTICE_TYPES)[number];
export const PRIORITIES = ["urgent", "action", "warning", "info"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What a notice is about; `about` tells apart several of one type: the address of a pull request, or a reaction. */
export type Matter = {
  readonly type: NoticeType;
  readonly about: string;
  readonly title: string;
  readonly text: string;
};

export type Notice = {
  readonly id: string;
  readonly type: NoticeType;
  readonly about: string;
  readonly priority: Priority;
  readonly title: string;
  readonly text: string;
  /** Milliseconds since 1970, as the two below. */
  readonly since: number;
  readonly seenAt?: number;
  readonly resolvedAt?: number;
};

/** The part of a session's record that notices are kept in. */
export type Noticed = {
  readonly id: string;
  readonly projectId: string;
  readonly notices: readonly Notice[];
  /** Notices so far: numbers the next one. */
  readonly noticed: number;
};

const KEPT = 32;
const TEXT_CHARS = 500;
const PRIORITY_OF = {
  "agent-stuck": "urgent",
  "agent-needs-input": "urgent",
  "agent-exited": "urgent",
  "approved-and-green": "action",
  "pr-closed": "action",
  "all-complete": "info",
  escalated: "urgent",
  question: "urgent",
  "disk-full": "urgent",
  "actor-threw": "warning",
  "actor-quarantined": "urgent",
} as const satisfies Record<NoticeType, Priority>;

/** The order that tells a person of a notice. */
export function tellOrder(data: JsonObject): EffectOrder {
  return { type: "effect", name: "notifyPerson", lane: "notify", data };
}

/** The record with one more notice, and the order to tell it; the very same record when it is open already (P1). */
export function opened<Context extends Noticed>(
  context: Context,
  matter: Matter,
  at: number,
): { readonly context: Context; readonly orders: readonly Order[] } {
  if (context.notices.some((notice) => isAbout(notice, matter))) return { context, orders: [] };
  const { id: sessionId, projectId } = context;
  const noticed = context.noticed + 1;
  const priority = PRIORITY_OF[matter.type];
  const [title, text] = [matter.title.slice(0, TEXT_CHARS), matter.text.slice(0, TEXT_CHARS)];
  const told = { type: matter.type, priority, title, text };
  const id = `${sessionId}-n${noticed}`;
  const notice: Notice = { id, ...told, about: matter.about, since: at };
  const data = { noticeId: id, sessionId, projectId, ...told, about: matter.about, at };
  const notices = shortened([...context.notices, notice]);
  return { context: { ...context, notices, noticed }, orders: [tellOrder(data)] };
}

/** The record with the open notices that `isOver` names ended; the very same one when there is none. */
export function resolved<Context extends Noticed>(
  context: Context,
  isOver: (notice: Notice) => boolean,
  at: number,
): Context {
  const notices = context.notices.map((notice) =>
    notice.resolvedAt === undefined && isOver(notice) ? { ...notice, resolvedAt: at } : notice,
  );
  const isSame = notices.every((notice, index) => notice === context.notices[index]);
  return isSame ? context : { ...context, notices };
}

/** The record with a notice seen; the very same one when it was seen before, undefined when there is no such notice. */
export function acknowledged<Context extends Noticed>(
  context: Context,
  noticeId: string,
  at: number,
): Context | undefined {
  const known = context.notices.find(({ id }) => id === noticeId);
  if (known === undefined) return undefined;
  if (known.seenAt !== undefined) return context;
  const notices = context.notices.map((notice) =>
    notice === known ? { ...notice, seenAt: at } : notice,
  );
  return { ...context, notices };
}

/** Whether it still asks for somebody: neither seen nor over. */
export function isOpenNotice({ seenAt, resolvedAt }: Notice): boolean {
  return seenAt === undefined && resolvedAt === undefined;
}

function isAbout(notice: Notice, { type, about }: Matter): boolean {
  return notice.resolvedAt === undefined && notice.type === type && notice.about === about;
}

function shortened(notices: readonly Notice[]): readonly Notice[] {
  if (notices.length <= KEPT) return notices;
  const first = notices.find(({ resolvedAt }) => resolvedAt !== undefined) ?? notices[0];
  return notices.filter((notice) => notice !== first);
}
