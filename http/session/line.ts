import { displayStatus } from "../../machines/session/status.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import { stateOf } from "../stored-state.ts";

// Session line
//
// What the board needs of a session, read by hand: a busy fleet has hundreds of these a second, and the whole view of a
// session, checked member by member, takes a hundred times as long. A test keeps the two equal.

/** What a session is called, how it stands and since when. Times are milliseconds since 1970. */
export interface SessionLine {
  readonly title: string;
  readonly prompt: string;
  readonly projectId: string;
  readonly status: string;
  readonly reason: string;
  readonly since: number;
  readonly branch: string | null;
  readonly harness: string;
  readonly number: number | undefined;
  readonly url: string | undefined;
}

/** A session in few words; as `sessionView` tells it. */
export function sessionLine(row: SnapshotRow): SessionLine {
  const { value, context } = stateOf(row);
  const axes = context["axes"];
  const region = (name: string, rest: string): string => nameOf(member(value, name)) ?? rest;
  const axis = (name: string, rest: string) => ({
    state: region(name, rest),
    reason: textOf(member(member(axes, name), "reason")) ?? "",
  });
  const since = numberOf(member(member(axes, "lifecycle"), "since")) ?? row.createdAt;
  const harness = textOf(context["harness"]) ?? "command";
  const heardAt = numberOf(member(member(axes, "activity"), "lastActivityAt"));
  const isHeard = harness === "command" || heardAt !== undefined;
  const pr = member(axes, "pr");
  const { status, reason } = displayStatus({
    lifecycle: axis("lifecycle", "not_started"),
    pr: axis("pr", "none"),
    runtime: region("runtime", "unknown"),
    activity: region("activity", "none"),
    ...(!isHeard && { silentMs: row.updatedAt - since }),
  });
  return {
    title: textOf(context["title"]) ?? "",
    prompt: textOf(context["prompt"]) ?? "",
    projectId: textOf(context["projectId"]) ?? "",
    status,
    reason,
    since,
    branch: textOf(context["branch"]) ?? null,
    harness,
    number: numberOf(member(pr, "number")),
    url: textOf(member(pr, "url")),
  };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const inner: unknown = Reflect.get(value, name);
  return inner;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The name of a region's state: the outer one, where it has states inside. */
function nameOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? Object.keys(value)[0] : undefined;
}
