import { addressOf, splitAddress, type Address } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { MailOrder, Order } from "../order.ts";
import type { EventNamed } from "./protocol.ts";
import { sessionLaunch } from "./launch.ts";
import { revived } from "./revival.ts";
import { abandoned } from "./messages.ts";
import {
  isOver,
  movedAxis,
  terminated,
  withAxes,
  type SessionContext,
  type SessionStep,
  type TerminalFacts,
} from "./record.ts";
import { GROUNDED } from "./tool-flight.ts";
import {
  supervise,
  supervisor,
  type Cause,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorState,
} from "../supervision/supervision.ts";

// Session children
//
// The spawn saga is the supervisor's ordered start, workspace then terminal; the kill saga is its reverse stop.
// Turns what the supervisor orders into mail, and what the children say into facts of the record.
//
//   C1. The worktree is asked to go only after everything that the terminal left is gone.
//   C2. A session whose worktree could not be made is over: nothing is launched in its place.
//   C3. What a child says of an older epoch changes nothing.
//   C4. Work that is over is not started again.
//   C5. A spawn whose program could not be started is undone at once; its reason stays in `trouble`.

export type ChildName = "workspace" | "terminal";
type ChildEvent = EventNamed<"child.started" | "child.exited" | "child.stopped">;

const WORKSPACE_START_MS = 900_000;

/** The children of a session that begins. */
export function childrenOf(
  {
    restart,
    intensity,
    periodMs,
    backoffMs,
    backoffMaxMs,
  }: EventNamed<"session.start">["data"]["restart"],
  graceMs: number,
): SupervisorState {
  return supervisor({
    strategy: "rest_for_one",
    intensity,
    periodMs,
    backoff: { minMs: backoffMs, maxMs: backoffMaxMs },
    children: [
      // Worktrees of one repository are made one after the other, large ones for minutes.
      { id: "workspace", restart: "temporary", shutdownMs: graceMs, startMs: WORKSPACE_START_MS },
      { id: "terminal", restart, shutdownMs: graceMs },
    ],
  });
}

/** One event of the supervisor, with all that follows from it. */
export function supervised(context: SessionContext, event: SupervisorEvent): SessionStep {
  const { spec } = context.supervisor;
  const asked = isOver(context) ? withoutRestart(context.supervisor) : context.supervisor;
  const { state, orders } = supervise(asked, event);
  const next = state === asked ? context : { ...context, supervisor: { ...state, spec } };
  return orders.reduce<SessionStep>(
    (step, order) => {
      const { context: after, orders: more } = carriedOut(step.context, order, event.at);
      return { context: after, orders: [...step.orders, ...more] };
    },
    { context: next, orders: [] },
  );
}

function carriedOut(context: SessionContext, order: SupervisorOrder, at: number): SessionStep {
  switch (order.type) {
    case "startChild":
      return order.id === "workspace"
        ? startWorkspace(context, order.epoch)
        : startTerminal(context, { epoch: order.epoch, at });
    case "stopChild":
      return order.id === "workspace"
        ? stopWorkspace(context, order)
        : stopTerminal(context, order);
    case "arm":
      return { context, orders: [{ type: "arm", name: "restart", dueAt: order.dueAt }] };
    case "cancel":
      return { context, orders: [{ type: "cancel", name: "restart" }] };
    case "childEnded":
      return ended(context, { ...order, at });
    case "allStopped":
      return closed(context, at);
    case "escalate":
      return closed(terminated(context, reasonOf(order.cause), at), at);
    case "ready":
      break;
  }
  return { context, orders: [] };
}

function startWorkspace(context: SessionContext, epoch: number): SessionStep {
  const { projectId, root, branch, baseRef } = context;
  const workspace = { ...context.workspace, epoch, state: "preparing" as const, reason: null };
  const spec = { projectId, repo: root, branch, baseRef };
  return {
    context: { ...context, workspace },
    orders: [mail(context, "workspace", "child.start", { epoch, host: "local", spec })],
  };
}

function startTerminal(
  context: SessionContext,
  { epoch, at }: { epoch: number; at: number },
): SessionStep {
  const { axes } = context;
  const launch = sessionLaunch(context, epoch);
  const fresh = withAxes(context, {
    lifecycle: isOver(context)
      ? axes.lifecycle
      : movedAxis(axes.lifecycle, { state: "not_started", reason: "spawn_requested" }, at),
    runtime: movedAxis(axes.runtime, { state: "unknown", reason: "spawn_incomplete" }, at),
    activity:
      axes.activity.state === "none"
        ? axes.activity
        : { ...axes.activity, state: "none", since: at },
    detecting: null,
    stuckOn: null,
  });
  const terminal = { epoch, state: "starting" as const, pid: null, exitCode: null, signal: null };
  return {
    context: { ...fresh, terminal, flight: GROUNDED, limit: null },
    orders: [mail(context, "terminal", "child.start", { epoch, host: "local", launch })],
  };
}

type Stop = { readonly epoch: number; readonly shutdownMs: number };

function stopTerminal(context: SessionContext, { epoch, shutdownMs }: Stop): SessionStep {
  return {
    context: { ...context, terminal: { ...context.terminal, state: "stopping" } },
    orders: [mail(context, "terminal", "child.stop", { epoch, shutdownMs })],
  };
}

function stopWorkspace(context: SessionContext, { epoch, shutdownMs }: Stop): SessionStep {
  if (context.terminal.state === "exited" || context.terminal.state === "clearing") {
    const stop = { epoch: context.terminal.epoch, shutdownMs };
    return {
      context: { ...context, terminal: { ...context.terminal, state: "clearing" } },
      orders: [mail(context, "terminal", "child.stop", stop)],
    };
  }
  return {
    context: { ...context, workspace: { ...context.workspace, state: "reclaiming" } },
    orders: [mail(context, "workspace", "child.stop", { epoch, shutdownMs })],
  };
}

/** All of it is ended; a restore that was asked for meanwhile begins. */
function closed(context: SessionContext, at: number): SessionStep {
  const end: SessionContext = abandoned({ ...context, wanted: "closed" });
  if (context.restore?.isWaiting !== true) return { context: end, orders: [farewell(context)] };
  const again = revived(end, at);
  return supervised(again.context, again.event);
}

/** Tells its project that nothing of it is left to end. */
export function farewell({ projectId }: SessionContext): Order {
  return { type: "mail", to: addressOf("project", projectId), name: "session.ended", data: {} };
}

/** Tells a child once more to stop. */
export function stopAgain(context: SessionContext, id: ChildName): SessionStep {
  const { epoch } = context[id];
  const shutdownMs = context.supervisor.spec.children.find((each) => each.id === id)?.shutdownMs;
  const stop = { epoch, shutdownMs: shutdownMs ?? 0 };
  return id === "workspace" ? stopWorkspace(context, stop) : stopTerminal(context, stop);
}

function reasonOf(cause: Cause): string {
  if (cause === "launch") return "error_in_process";
  return cause === "infra" ? "runtime_lost" : "agent_process_exited";
}

/** A child has ended for good. A spawn whose program never began leaves nothing behind (C5). */
function ended(
  context: SessionContext,
  { id, cause, at }: { id: string; cause: Cause; at: number },
): SessionStep {
  if (id !== "terminal") return { context, orders: [] };
  const over = abandoned(terminated(context, reasonOf(cause), at));
  const isRolledBack =
    cause === "launch" && context.restore === null && context.wanted === "running";
  if (!isRolledBack) return { context: over, orders: [] };
  return supervised({ ...over, wanted: "closing" }, { type: "stop", at });
}

/** What a child says of itself. Anybody else is not heard. */
export function childTold(context: SessionContext, said: ChildEvent): SessionStep {
  const id = childAt(context, said.from);
  if (id === undefined || said.data.epoch !== context[id].epoch) return { context, orders: [] };
  const event = context.leases[id]?.of === "clear" ? heardTooLate(said) : said;
  if (event === undefined) return { context, orders: [] };
  if (id === "workspace" && event.type === "child.exited") return workspaceFailed(context, event);
  const seen = id === "workspace" ? workspaceSeen(context, event) : terminalSeen(context, event);
  const { epoch } = event.data;
  const { at } = event;
  const told = supervised(
    seen,
    event.type === "child.exited"
      ? { type: event.type, id, epoch, cause: event.data.cause, at }
      : { type: event.type, id, epoch, at },
  );
  return isCleared(context, told.context) ? withWorkspaceStop(told) : told;
}

/** A start that was taken back: that it runs is no news any more, and that it was stopped is its end. */
function heardTooLate(event: ChildEvent): ChildEvent | undefined {
  if (event.type === "child.started") return undefined;
  if (event.type === "child.exited") return event;
  const { epoch, detail } = event.data;
  const message = detail === undefined || detail === "" ? "its start was not answered" : detail;
  return { ...event, type: "child.exited", data: { epoch, cause: "infra", message } };
}

/** Which child an address is; undefined for anybody else. */
export function childAt({ id }: SessionContext, from: Address | undefined): ChildName | undefined {
  if (from === undefined) return undefined;
  const { kind, id: name } = splitAddress(from);
  if (name !== id) return undefined;
  return kind === "workspace" || kind === "terminal" ? kind : undefined;
}

function isCleared(before: SessionContext, after: SessionContext): boolean {
  return before.terminal.state === "clearing" && after.terminal.state === "stopped";
}

/** The stop of the worktree that waited for the terminal (C1). */
function withWorkspaceStop({ context, orders }: SessionStep): SessionStep {
  const { spec, children } = context.supervisor;
  const child = children.find(({ id }) => id === "workspace");
  if (child?.state !== "stopping") return { context, orders };
  const shutdownMs = spec.children.find(({ id }) => id === "workspace")?.shutdownMs ?? 0;
  const stop = stopWorkspace(context, { epoch: child.epoch, shutdownMs });
  return { context: stop.context, orders: [...orders, ...stop.orders] };
}

/** The stop is decided first, so that the supervisor does not go on to the terminal (C2). */
function workspaceFailed(context: SessionContext, event: EventNamed<"child.exited">): SessionStep {
  const { epoch, cause, message } = event.data;
  const { at } = event;
  const child = context.supervisor.children.find(({ id }) => id === "workspace");
  const isLive = child?.state === "starting" || child?.state === "running";
  if (!isLive && child?.state !== "stopping") return { context, orders: [] };
  const workspace = { ...context.workspace, state: "failed" as const, reason: message ?? cause };
  const known = withTrouble({ ...context, workspace, wanted: "closing" }, "workspace", event);
  const over = terminated(known, "error_in_process", at);
  const stopped = supervise(over.supervisor, { type: "stop", at });
  const told = supervised(
    { ...abandoned(over), supervisor: stopped.state },
    { type: "child.exited", id: "workspace", epoch, cause, at },
  );
  const others = stopped.orders
    .filter((order) => !(order.type === "stopChild" && order.id === "workspace"))
    .reduce<SessionStep>(
      (step, order) => {
        const { context: after, orders } = carriedOut(step.context, order, at);
        return { context: after, orders: [...step.orders, ...orders] };
      },
      { context: told.context, orders: [] },
    );
  return { context: others.context, orders: [...others.orders, ...told.orders] };
}

function workspaceSeen(context: SessionContext, event: ChildEvent): SessionContext {
  const { workspace } = context;
  if (event.type === "child.started") {
    if (workspace.state !== "preparing") return context;
    // What was kept is uncommitted again; the probe may have said so before this, when nobody listened.
    const dirty = event.data.preserved?.isApplied === true;
    const state = dirty ? ("dirty" as const) : ("ready" as const);
    return { ...context, workspace: { ...workspace, ...placeOf(event), dirty, state } };
  }
  if (event.type !== "child.stopped" || workspace.state !== "reclaiming") return context;
  const { removed, reason, detail, preserved: ref } = event.data;
  if (removed === true) {
    const preserved = ref === undefined ? null : { ref, isApplied: false, detail: "" };
    const gone = { state: "archived", path: null, reason: null, preserved } as const;
    return { ...context, workspace: { ...workspace, ...gone } };
  }
  const state = reason === "dirty" ? ("dirty" as const) : ("ready" as const);
  const why = [reason, detail].filter((text) => text !== undefined).join(": ");
  return {
    ...context,
    workspace: { ...workspace, state: workspace.path === null ? "failed" : state, reason: why },
  };
}

/** Where a worktree is, as it tells when it is there. */
function placeOf({ data }: EventNamed<"child.started">): Partial<SessionContext["workspace"]> {
  return {
    path: data.path ?? null,
    branch: data.branch ?? null,
    headSha: data.headSha ?? null,
    baseSha: data.baseSha ?? null,
    preserved: data.preserved ?? null,
  };
}

function terminalSeen(context: SessionContext, event: ChildEvent): SessionContext {
  const { terminal, axes } = context;
  if (event.type === "child.started") {
    if (terminal.state !== "starting") return context;
    const { pid, runtime, handle, agentSessionId } = event.data;
    const live: TerminalFacts = {
      ...terminal,
      state: "live",
      pid: pid ?? null,
      ...(runtime !== undefined && { runtime }),
      ...(handle !== undefined && { handle }),
    };
    const seen = { state: "alive", reason: "process_running" } as const;
    return withAxes(
      {
        ...context,
        restore: null,
        terminal: live,
        agentSessionId: agentSessionId ?? context.agentSessionId,
      },
      { runtime: movedAxis(axes.runtime, seen, event.at) },
    );
  }
  if (event.type === "child.stopped") {
    return terminal.state === "stopped"
      ? context
      : { ...context, terminal: { ...terminal, state: "stopped" } };
  }
  const isLive = ["starting", "live", "stopping"].includes(terminal.state);
  return isLive ? terminalExited(withTrouble(context, "terminal", event), event) : context;
}

/** Why a child could not do what it was asked to, where it says so. */
function withTrouble(
  context: SessionContext,
  child: ChildName,
  { at, data: { code, message } }: EventNamed<"child.exited">,
): SessionContext {
  if (code === undefined || message === undefined) return context;
  return { ...context, trouble: { child, at, code, message } };
}

function terminalExited(
  context: SessionContext,
  event: EventNamed<"child.exited">,
): SessionContext {
  const { terminal, axes } = context;
  const { cause, exitCode, signal } = event.data;
  // A launch that failed has left nothing: its terminal says so only then.
  const state = cause === "launch" ? ("stopped" as const) : ("exited" as const);
  // Nobody recorded an exit: the terminal itself was lost, or never came to be.
  const isLost = cause === "launch" || cause === "infra";
  const gone = isLost
    ? ({ state: "missing", reason: "tmux_missing" } as const)
    : ({ state: "exited", reason: "process_missing" } as const);
  return withAxes(
    {
      ...context,
      flight: GROUNDED,
      terminal: { ...terminal, state, exitCode: exitCode ?? null, signal: signal ?? null },
    },
    {
      runtime:
        context.wanted === "running" ? movedAxis(axes.runtime, gone, event.at) : axes.runtime,
      activity:
        axes.activity.state === "exited"
          ? axes.activity
          : { ...axes.activity, state: "exited", since: event.at },
      detecting: null,
      stuckOn: null,
    },
  );
}

/** How its children are kept while its work is over (C4): its own spec holds again once it is restored. */
function withoutRestart(state: SupervisorState): SupervisorState {
  const children = state.spec.children.map((child) => ({
    ...child,
    restart: "temporary" as const,
  }));
  return { ...state, spec: { ...state.spec, children } };
}

function mail(
  { id }: SessionContext,
  child: ChildName,
  name: string,
  data: JsonObject,
): Order & MailOrder {
  return { type: "mail", to: addressOf(child, id), name, data };
}
