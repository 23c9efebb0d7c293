import { z } from "zod";
import { deadline } from "../adapters/deadline.ts";
import { Failure } from "../machines/failures.ts";
import { addressOf, Token, type Address } from "../machines/ids.ts";
import { PRIORITIES } from "../machines/notices.ts";
import type { Outage } from "../machines/supervision/outages.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { brokenNotices, brokenOf } from "./broken.ts";
import { ANSWER_WITHIN_MS, applied, askActor, knownActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { foldedOutages } from "./outages.ts";
import { knownProject } from "./projects.ts";
import { Empty, whole } from "./schemas.ts";
import { noticeViews, NoticeView } from "./session/view.ts";
import { stateOf } from "./stored-state.ts";
import { rootOf } from "./supervision.ts";

// Notices
//
// What people should know, over all sessions. What was told outside, and how, is asked of the adapter when it is read.
//
//   N1. Only sessions that have a notice are read, and actors that are broken.
//   N2. The most urgent first, and of one priority the oldest.
//   N3. A page that goes on after a notice begins behind its place, whether it is still there or not.
//   N4. What struck many sessions at once is one notice, also when note is taken of it; of one session its own is told.

const tags = ["notices"];
// `<session>-n<number>`, of a broken actor `<kind>-<id>-n<number>`, of an outage `supervisor-outage-n<number>`.
const NoticeId = z.string().regex(/^[A-Za-z0-9_-]{1,80}-n\d{1,9}$/, "expected <session>-n<number>");
const Told = NoticeView.extend({
  /** What became of it outside; absent when nothing is set up for it. */
  delivery: z
    .object({
      told: z.array(z.string()),
      failed: z.array(z.object({ way: z.string(), message: z.string() })),
      isHeld: z.boolean(),
    })
    .optional(),
});
type Told = z.infer<typeof Told>;

/** The place of a notice in the list, as `next` gives it: its priority, since when, and its id. */
const Cursor = z
  .string()
  .regex(/^\d{1,2}:\d{1,16}:[A-Za-z0-9_-]{1,80}-n\d{1,9}$/, "expected what `next` said");

const Query = z.strictObject({
  state: z.enum(["open", "all"]).default("open"),
  project: Token.optional(),
  session: Token.optional(),
  after: Cursor.optional(),
  limit: whole(1, 1_000).default(100),
});

/** Reading notices and taking note of them. */
export function noticeRoutes(app: App, edge: Edge): void {
  app.get(
    "/notices",
    {
      schema: {
        tags,
        summary:
          "What people should know, the most urgent first; `open` is neither seen nor over, `total` counts beyond `limit`, `next` is the `after` of the rest",
        querystring: Query,
        response: {
          200: z.object({ notices: z.array(Told), total: z.number(), next: Cursor.optional() }),
        },
      },
    },
    ({ query: { limit, after, ...query } }) => {
      const found = noticesOf(edge, query);
      const rest = found.filter((notice) => after === undefined || isBehind(notice, after));
      const notices = rest.slice(0, limit);
      const last = notices.at(-1);
      const isMore = rest.length > notices.length && last !== undefined;
      return { notices, total: found.length, ...(isMore && { next: cursorOf(last) }) };
    },
  );

  app.post(
    "/notices/:id/ack",
    {
      schema: {
        tags,
        summary: "Take note: it is no longer open, whether what it is about goes on or not",
        params: z.object({ id: NoticeId }),
        body: Empty,
        response: { 200: Told },
      },
    },
    async (request, _reply) => {
      const { id } = request.params;
      const outage = rootOf(edge)?.outages.find((each) => each.id === id);
      if (outage !== undefined) return acknowledgeAll(edge, outage);
      const broken = brokenOf(edge, id);
      if (broken !== undefined) throw lastingFailure(edge, id, broken);
      const to = addressOf("session", id.slice(0, id.lastIndexOf("-n")));
      knownActor(edge, to);
      await askActor(edge, request, {
        to,
        type: "session.acknowledge",
        data: { noticeId: id },
      });
      const notice = toldOf(edge, knownActor(edge, to)).find((each) => each.id === id);
      if (notice !== undefined) return notice;
      throw new Failure("NOTICE_UNKNOWN", `take note of ${id}: no such notice is kept`);
    },
  );
}

/** Takes note of every member that stands; taken note of twice is once, so no key is needed. */
async function acknowledgeAll(edge: Edge, outage: Outage): Promise<Told> {
  using due = deadline(ANSWER_WITHIN_MS);
  const open = membersOf(edge, outage).filter(({ state }) => state === "open");
  await Promise.all(
    open.map(async ({ id: noticeId, sessionId }) => {
      const to = addressOf("session", sessionId);
      const asked = { to, type: "session.acknowledge", data: { noticeId } };
      return applied(await edge.system.ask(asked, due.signal));
    }),
  );
  const [notice] = foldedOutages([outage], membersOf(edge, outage));
  if (notice === undefined) {
    throw new Failure("NOTICE_UNKNOWN", `take note of ${outage.id}: its sessions are gone`);
  }
  return withDelivery(edge, notice);
}

function membersOf(edge: Edge, { members }: Outage): NoticeView[] {
  return members.flatMap(({ sessionId, noticeId }) => {
    const row = edge.system.snapshot(addressOf("session", sessionId));
    if (row === undefined) return [];
    return noticeViews(row.address, stateOf(row).context).filter(({ id }) => id === noticeId);
  });
}

/** What lasts by itself cannot be taken note of. */
function lastingFailure(edge: Edge, id: string, address: Address): Failure {
  const tried = `take note of ${id}`;
  return knownActor(edge, address).isQuarantined
    ? new Failure("ACTOR_QUARANTINED", `${tried}: ${address} is quarantined until it is released`)
    : new Failure("NOTICE_UNKNOWN", `${tried}: it is over when ${address} takes a message again`);
}

function noticesOf(edge: Edge, query: Omit<z.infer<typeof Query>, "limit">): Told[] {
  const { state, project, session } = query;
  if (project !== undefined) knownProject(edge, project);
  if (session !== undefined) knownActor(edge, addressOf("session", session));
  const count = state === "open" ? "openNotices" : "notices";
  const rows = edge.views.list({
    kind: "session",
    limit: Number.MAX_SAFE_INTEGER,
    where: ({ address, facts }) =>
      facts[count] !== 0 &&
      (project === undefined || facts["projectId"] === project) &&
      (session === undefined || address === addressOf("session", session)),
  });
  const broken = brokenNotices(edge, ({ address, facts }) => {
    const isOfProject = facts["projectId"] === project || address === `project/${project}`;
    return (
      (project === undefined || isOfProject) &&
      (session === undefined || address === addressOf("session", session))
    );
  });
  const ofSessions = rows.flatMap(({ address }) =>
    noticeViews(address, stateOf(knownActor(edge, address)).context),
  );
  // Whoever asks for one session wants to know of its own.
  const told =
    session === undefined ? foldedOutages(rootOf(edge)?.outages ?? [], ofSessions) : ofSessions;
  return [...told, ...broken]
    .map((notice) => withDelivery(edge, notice))
    .filter((notice) => state === "all" || notice.state === "open")
    .toSorted((a, b) => rank(a) - rank(b) || a.since - b.since || a.id.localeCompare(b.id));
}

function cursorOf(notice: Told): string {
  return `${rank(notice)}:${notice.since}:${notice.id}`;
}

/** Whether a notice stands behind a place (N3). */
function isBehind(notice: Told, after: string): boolean {
  const [priority, since, id = ""] = after.split(":");
  const by = rank(notice) - Number(priority) || notice.since - Number(since);
  return by > 0 || (by === 0 && notice.id.localeCompare(id) > 0);
}

function rank({ priority }: Told): number {
  const place = PRIORITIES.findIndex((each) => each === priority);
  return place === -1 ? PRIORITIES.length : place;
}

function toldOf(edge: Edge, row: SnapshotRow): Told[] {
  return noticeViews(row.address, stateOf(row).context).map((notice) => withDelivery(edge, notice));
}

function withDelivery(edge: Edge, notice: NoticeView): Told {
  const known = edge.toldOf?.(notice.id);
  if (known === undefined) return notice;
  const { told, failed, isHeld } = known;
  return { ...notice, delivery: { told: [...told], failed: [...failed], isHeld } };
}
