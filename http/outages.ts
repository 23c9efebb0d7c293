import type { Outage } from "../machines/supervision/outages.ts";
import type { NoticeView } from "./session/view.ts";

// Outages
//
// What struck many agents at once, as the one notice that a person was told. Which of its members stand is read from
// their sessions, so it is over with the last of them, however that came about.

/** The notices with those of each outage as one; an outage none of whose members is given is left out. */
export function foldedOutages(
  outages: readonly Outage[],
  notices: readonly NoticeView[],
): NoticeView[] {
  const byId = new Map(notices.map((notice) => [notice.id, notice]));
  const folded = outages.flatMap((outage) => {
    const members = outage.members.flatMap(({ noticeId }) => byId.get(noticeId) ?? []);
    return members.length === 0 ? [] : [foldedNotice(outage, members)];
  });
  const isMember = new Set(
    outages.flatMap(({ members }) => members.map(({ noticeId }) => noticeId)),
  );
  return [...notices.filter(({ id }) => !isMember.has(id)), ...folded];
}

function foldedNotice(
  { members: all, at, ...told }: Outage,
  members: readonly NoticeView[],
): NoticeView {
  const [first] = all;
  const projects = new Set(members.map(({ projectId }) => projectId));
  const [projectId = ""] = projects;
  return {
    ...told,
    about: "",
    sessionId: first?.sessionId ?? "",
    sessionIds: all.map(({ sessionId }) => sessionId),
    projectId: projects.size === 1 ? projectId : "",
    since: at,
    ...standing(members),
  };
}

/** Open while one of them is; then seen, unless all are over. */
function standing(
  members: readonly NoticeView[],
): Pick<NoticeView, "state" | "seenAt" | "resolvedAt"> {
  if (members.some(({ state }) => state === "open")) return { state: "open" };
  const isOver = members.every(({ state }) => state === "resolved");
  if (isOver) {
    return { state: "resolved", resolvedAt: latest(members, ({ resolvedAt }) => resolvedAt) };
  }
  return { state: "seen", seenAt: latest(members, ({ seenAt }) => seenAt) };
}

function latest(
  members: readonly NoticeView[],
  timeOf: (notice: NoticeView) => number | undefined,
): number {
  return Math.max(...members.map((notice) => timeOf(notice) ?? 0));
}
