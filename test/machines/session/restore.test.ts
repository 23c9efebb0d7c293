import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Order } from "../../../machines/order.ts";
import type { Told } from "../../support/step.ts";
import {
  childStopped,
  pullRequest,
  scm,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "../samples.ts";
import {
  actNamesOf,
  actsOf,
  after,
  closed,
  closing,
  crash,
  ENDED,
  kill,
  live,
  report,
  says,
  START,
  STOP,
} from "./samples.ts";

const restore: Told = { type: "session.restore" };
const RESTORED = "mail:session.restored";
const gone = childStopped("workspace", { removed: true });
const killed = [...live, kill(), childStopped("terminal"), gone];
const began: Told = { ...workspaceStarted, data: { epoch: 2, path: "/srv/tree" } };
const claude = [
  startSession({ harness: "claude-code", argv: ["claude"] }),
  workspaceStarted,
  terminalStarted(1),
  says("active", { agentSessionId: "abc", event: "user-prompt-submit" }),
  kill(),
  childStopped("terminal"),
  gone,
];
const restarting = [
  startSession({ restart: { restart: "permanent" } }),
  workspaceStarted,
  terminalStarted(1),
];
const launchFailed: Told = terminalExited(2, {
  cause: "launch",
  exitCode: undefined,
  code: "AGENT_BINARY_NOT_FOUND",
  message: "no claude on PATH",
});

function stoppedAgain(child: "terminal" | "workspace", more: Record<string, unknown> = {}): Told {
  return { ...childStopped(child), data: { epoch: 2, ...more } };
}

/** The first words of the launch that a step ordered. */
function argvOf(orders: readonly Order[], most = 3): readonly string[] {
  const start = orders.find((order) => order.type === "mail" && order.to.startsWith("terminal/"));
  const data = start?.type === "mail" ? start.data : {};
  const { argv } = z.object({ argv: z.array(z.string()) }).parse(data["launch"]);
  return argv.slice(0, most);
}

describe("a restored session", () => {
  it("begins anew: next epochs, nothing of its pull request, and its project knows (B3)", () => {
    const session = after(...live, scm(pullRequest()), ...killed.slice(live.length));
    const before = session.now.context;
    const { value, context, orders } = session.send({ ...restore, at: 900 });
    expect(actNamesOf(orders)).toEqual(["reply", RESTORED, START]);
    expect(orders[2]).toMatchObject({ to: "workspace/mer-1", data: { epoch: 2 } });
    expect(value).toMatchObject({
      lifecycle: "not_started",
      runtime: "unknown",
      activity: "none",
      pr: "none",
      wanted: "running",
    });
    expect(context.axes.pr).toEqual({ state: "none", reason: "cleared_on_restore", since: 900 });
    expect([context.prs, context.revision]).toEqual([[], before.revision + 1]);
    expect(actsOf(session.send(began).orders)).toMatchObject([
      { to: "terminal/mer-1", data: { epoch: 2 } },
    ]);
    expect(session.send(terminalStarted(2)).context.restore).toBeNull();
    expect(session.now.value).toMatchObject({ runtime: "alive" });
  });

  it("goes on with its agent's own conversation where the harness can (B2)", () => {
    const session = after(...claude);
    expect(session.send(restore).orders[0]).toMatchObject({ data: { mode: "native" } });
    expect(argvOf(actsOf(session.send(began).orders))).toMatchObject(["claude", "--resume", "abc"]);
  });

  it("begins with its prompt where it never had a conversation (B2)", () => {
    const session = after(...claude.filter(({ type }) => type !== "activity.observed"));
    expect(session.send(restore).orders[0]).toMatchObject({ data: { mode: "saved_prompt" } });
    const argv = argvOf(actsOf(session.send(began).orders), 10);
    expect([argv[1], ...argv.slice(-2)]).toEqual(["--session-id", "--", "mend it"]);
  });

  it("begins with its prompt where the harness cannot take a conversation up again (B2)", () => {
    const session = after(
      startSession({ harness: "aider", argv: ["aider"] }),
      workspaceStarted,
      terminalStarted(1),
      says("active", { agentSessionId: "abc" }),
      kill(),
      childStopped("terminal"),
      gone,
    );
    expect(session.send(restore).orders[0]).toMatchObject({ data: { mode: "saved_prompt" } });
  });

  it.each([
    { title: "a worker", kind: "worker", orders: ["refuse:SESSION_NOT_RESUMABLE"] },
    { title: "an orchestrator", kind: "orchestrator", orders: ["reply", RESTORED, START] },
  ])("without conversation and prompt: $title (B2)", ({ kind, orders }) => {
    const session = after(startSession({ prompt: "", kind }), ...killed.slice(1));
    expect(actNamesOf(session.send(restore).orders)).toEqual(orders);
  });

  it.each([
    { title: "works", was: live },
    { title: "reported its work and still runs", was: [...live, report] },
    { title: "is being launched", was: [startSession(), workspaceStarted] },
    { title: "was never started", was: [] },
    { title: "waits for its next launch", was: [...restarting, crash(1)] },
  ])("is refused when it $title, and nothing changes (B1)", ({ was }) => {
    const session = after(...was);
    const step = session.send(restore);
    expect(actNamesOf(step.orders)).toEqual(["refuse:SESSION_NOT_RESTORABLE"]);
    expect(step.isUnchanged).toBe(true);
  });

  it("is one however often it is asked for (B1)", () => {
    const session = after(...killed, restore);
    const again = session.send(restore);
    expect([actNamesOf(again.orders), again.isUnchanged]).toEqual([["reply"], true]);
  });

  it("begins when its end is done, if it is asked for before (B1)", () => {
    const session = after(...live, kill());
    expect(session.send(restore)).toMatchObject({ value: { wanted: closing } });
    expect(actNamesOf(session.send(childStopped("terminal")).orders)).toEqual([STOP]);
    const { value, orders } = session.send(gone);
    expect(actNamesOf(orders)).toEqual([START]);
    expect(value).toMatchObject({ lifecycle: "not_started", wanted: "running" });
  });

  it("is not restored after all when it is killed again while it waits", () => {
    const session = after(...live, kill(), restore, kill(), childStopped("terminal"));
    const { value, orders } = session.send(gone);
    expect(actNamesOf(orders)).toEqual([ENDED]);
    expect(value).toMatchObject({ lifecycle: "terminated", wanted: closed });
  });

  it("starts only its terminal again where its worktree is still there", () => {
    const session = after(...live, crash(1));
    expect(session.now.value).toMatchObject({ lifecycle: "terminated", wanted: "running" });
    const { orders, value } = session.send(restore);
    expect(actsOf(orders).at(-1)).toMatchObject({ to: "terminal/mer-1", data: { epoch: 2 } });
    expect(value).toMatchObject({ lifecycle: "not_started", wanted: "running" });
  });

  it("that could not be launched goes back to how it was, its worktree stays, and it says why (B4)", () => {
    const session = after(
      ...live,
      scm(pullRequest({ state: "merged" })),
      ...killed.slice(live.length),
    );
    const before = session.now;
    session.all(restore, began);
    const { value, context, orders } = session.send(launchFailed);
    expect(actNamesOf(orders)).toEqual([]);
    expect(value).toMatchObject({ lifecycle: "terminated", pr: "merged", wanted: "running" });
    expect([context.axes.lifecycle, context.axes.pr, context.prs]).toEqual([
      before.context.axes.lifecycle,
      before.context.axes.pr,
      before.context.prs,
    ]);
    expect(context.revision).toBeGreaterThan(before.context.revision + 1);
    expect(context.trouble).toMatchObject({ child: "terminal", code: "AGENT_BINARY_NOT_FOUND" });
    expect(context.workspace).toMatchObject({ state: "ready", path: "/srv/tree" });
    expect(actNamesOf(session.send(restore).orders)).toEqual(["reply", RESTORED, START]);
  });

  it("whose report was given goes back to being done when it cannot be launched (B4)", () => {
    const session = after(...live, report, terminalExited(1), restore);
    expect(session.now.value).toMatchObject({ lifecycle: "not_started" });
    const { value, context } = session.send(launchFailed);
    expect(value).toMatchObject({ lifecycle: "done" });
    expect(context.report).toMatchObject({ summary: "it is mended" });
  });

  it("can be killed and restored again, each time under the next epochs (B3)", () => {
    const session = after(...killed, restore, began, terminalStarted(2), kill());
    session.all(stoppedAgain("terminal"), stoppedAgain("workspace", { removed: true }));
    expect(session.now.value).toMatchObject({ lifecycle: "terminated", wanted: closed });
    expect(actsOf(session.send(restore).orders).at(-1)).toMatchObject({ data: { epoch: 3 } });
  });

  it("remembers over a restart of the daemon that it is being restored", () => {
    const session = after(...killed, restore);
    session.restart();
    session.all(began, launchFailed);
    expect(session.now.value).toMatchObject({ lifecycle: "terminated", wanted: "running" });
  });
});

describe("work that was not committed", () => {
  it("is named by its ref once its worktree is gone, and is no longer once it is back", () => {
    const ref = "refs/ao/preserved/mer-1";
    const session = after(...live, kill(), childStopped("terminal"));
    const kept = childStopped("workspace", { removed: true, preserved: ref });
    expect(session.send(kept).context.workspace.preserved).toEqual({
      ref,
      isApplied: false,
      detail: "",
    });
    const preserved = { ref, isApplied: true, detail: "" };
    session.all(restore, { ...began, data: { epoch: 2, path: "/srv/tree", preserved } });
    expect(session.now.context.workspace.preserved).toEqual(preserved);
  });
});

describe("a spawn whose program cannot be started", () => {
  it("is undone at once: nothing runs, no worktree stays, and the reason does (C5)", () => {
    const session = after(startSession(), workspaceStarted);
    const failed = {
      ...launchFailed,
      data: { epoch: 1, cause: "launch", code: "X", message: "no claude on PATH" },
    };
    const { orders, value, context } = session.send(failed);
    expect(orders[0]).toMatchObject({ to: "workspace/mer-1", name: "child.stop" });
    expect(value).toMatchObject({ lifecycle: "terminated", wanted: closing });
    expect(context.axes.lifecycle.reason).toBe("error_in_process");
    expect(context.trouble).toMatchObject({ message: "no claude on PATH" });
    expect(actNamesOf(session.send(gone).orders)).toEqual([ENDED]);
  });
});

it("orcha-318: a worker that is started again in its conversation is told to go on, and is not done by its silence", () => {
  const session = after(
    startSession({
      harness: "claude-code",
      argv: ["claude"],
      restart: { restart: "transient" },
    }),
    workspaceStarted,
    terminalStarted(1),
    says("active", { agentSessionId: "abc", event: "user-prompt-submit" }),
    crash(1),
  );
  const argv = argvOf(session.send({ type: "timer.restart", at: 999_999 }).orders, 20);
  expect(argv.slice(0, 3)).toEqual(["claude", "--resume", "abc"]);
  expect(argv.at(-1)).toMatch(/^Your process ended in the middle of your work/);
  session.all(terminalStarted(2), { type: "timer.watch", at: 99_999_999 });
  expect([session.now.context.axes.lifecycle.state, session.now.context.report]).toEqual([
    "not_started",
    null,
  ]);
});

it("a worker that was to run for ever is started again after its report was given and it was restored (C4)", () => {
  const permanent = startSession({ restart: { restart: "permanent" } });
  const reported = after(permanent, workspaceStarted, terminalStarted(1), report, crash(1));
  const due: Told = { type: "timer.restart", at: 999_999 };
  expect(actNamesOf(reported.send(due).orders)).not.toContain(START);
  reported.all(restore, terminalStarted(2), says("active"));
  expect(reported.send(crash(2)).context.supervisor.spec.children).toMatchObject([
    { id: "workspace", restart: "temporary" },
    { id: "terminal", restart: "permanent" },
  ]);
  expect(actNamesOf(reported.send({ ...due, at: 9_999_999 }).orders)).toContain(START);
});
