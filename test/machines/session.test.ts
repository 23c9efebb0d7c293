import { describe, expect, it } from "vitest";
import { sessionKind } from "../../machines/session.ts";
import { Settings } from "../../machines/settings.ts";
import { machineUnderTest, namesOf, type MachineUnderTest, type Told } from "../support/step.ts";
import {
  childStopped,
  pullRequest,
  scm,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "./samples.ts";

const session = sessionKind(Settings.parse({}));
const live = [startSession(), workspaceStarted, terminalStarted(1)];
const kill = (kind = "manual"): Told => ({ type: "session.kill", data: { kind } });
const send = (text = "go on"): Told => ({ type: "session.send", data: { text } });
const report: Told = { type: "session.report", data: { summary: "it is mended" } };
const restartTimer: Told = { type: "timer.restart" };

function probe(runtime: string, process: string, more: Partial<Told> = {}): Told {
  return { type: "runtime.observed", data: { runtime, process }, ...more };
}
function says(state: string, more: Record<string, unknown> = {}): Told {
  return { type: "activity.observed", data: { state, source: "hook", ...more } };
}
function failing(headSha = "aaa", names = ["test"]): Record<string, unknown> {
  return pullRequest({ headSha, ci: { state: "failing", failing: names.map((name) => ({ name, logTail: "boom" })) } });
}
function after(...told: Told[]): MachineUnderTest {
  const machine = machineUnderTest(session);
  machine.all(...told);
  return machine;
}

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  /** The regions that matter to the row. */
  readonly state: Record<string, unknown>;
  readonly reason?: string;
  readonly orders: readonly string[];
}

const START = "mail:child.start";
const STOP = "mail:child.stop";
const ENDED = "mail:session.ended";
const DELIVER = "mail:terminal.deliver";
const closing = { stopped: "closing" };
const closed = { stopped: "closed" };
const gone = probe("dead", "dead", { at: 500_000 });
const doubt = probe("failed", "failed");

describe("session", () => {
  it.each([
    { title: "asks for its worktree first", was: [], told: startSession(), state: { lifecycle: "not_started", wanted: "running" }, reason: "spawn_requested", orders: [START] },
    { title: "asks for its terminal when the worktree is there", was: [startSession()], told: workspaceStarted, state: { runtime: "unknown" }, orders: [START] },
    { title: "knows that its agent runs", was: [startSession(), workspaceStarted], told: terminalStarted(1), state: { lifecycle: "not_started", runtime: "alive" }, orders: [] },
    { title: "is not started twice", was: live, told: startSession(), state: { runtime: "alive" }, orders: ["refuse:ALREADY_EXISTS"] },
    { title: "is over when its worktree cannot be made (C2)", was: [startSession()], told: { type: "child.exited", from: "workspace/mer-1", data: { epoch: 1, cause: "launch", message: "no such branch" } }, state: { lifecycle: "terminated", wanted: closed }, reason: "error_in_process", orders: [ENDED] },
    { title: "hears nobody but its children", was: [startSession()], told: { ...workspaceStarted, from: "workspace/mer-2" }, state: { lifecycle: "not_started" }, orders: [] },
    { title: "ignores what a child says of another epoch (C3)", was: live, told: terminalExited(2), state: { lifecycle: "not_started", runtime: "alive" }, orders: [] },
    { title: "works when its agent says so", was: live, told: says("active"), state: { lifecycle: "working", activity: "active" }, reason: "task_in_progress", orders: [] },
    { title: "needs input when its agent asks", was: live, told: says("waiting_input"), state: { lifecycle: "needs_input", activity: "waiting_input" }, reason: "awaiting_user_input", orders: [] },
    { title: "is stuck when its agent is blocked", was: live, told: says("blocked"), state: { lifecycle: "stuck", activity: "blocked" }, reason: "awaiting_user_input", orders: [] },
    { title: "is idle when its agent is ready", was: live, told: says("ready"), state: { lifecycle: "idle", activity: "ready" }, reason: "research_complete", orders: [] },
    { title: "does not move when its agent says goodbye", was: [...live, says("active")], told: says("exited"), state: { lifecycle: "working", activity: "exited" }, orders: [] },
    { title: "lets a healthy probe hide no question (O-2)", was: [...live, says("waiting_input")], told: probe("alive", "alive"), state: { lifecycle: "needs_input", runtime: "alive" }, orders: [] },
    { title: "quarantines on a failed probe", was: [...live, says("active")], told: doubt, state: { lifecycle: "detecting", runtime: "probe_failed" }, reason: "probe_failure", orders: [] },
    { title: "quarantines on a dead process in a live terminal", was: live, told: probe("alive", "dead"), state: { lifecycle: "detecting", runtime: "alive" }, reason: "agent_process_exited", orders: [] },
    { title: "works again after a healthy probe", was: [...live, doubt], told: probe("alive", "alive"), state: { lifecycle: "working", runtime: "alive" }, reason: "task_in_progress", orders: [] },
    { title: "is stuck after the third equal doubt", was: [...live, doubt, doubt], told: doubt, state: { lifecycle: "stuck" }, reason: "probe_failure", orders: [] },
    { title: "stays stuck on the same evidence (O-4)", was: [...live, doubt, doubt, doubt], told: doubt, state: { lifecycle: "stuck" }, reason: "probe_failure", orders: [] },
    { title: "is revived from stuck by a healthy probe (O-4)", was: [...live, doubt, doubt, doubt], told: probe("alive", "alive"), state: { lifecycle: "working" }, orders: [] },
    { title: "is revived from stuck by its agent (O-4)", was: [...live, doubt, doubt, doubt], told: says("active"), state: { lifecycle: "working" }, orders: [] },
    { title: "is ended from stuck by a death (O-4)", was: [...live, doubt, doubt, doubt], told: gone, state: { lifecycle: "terminated", runtime: "exited" }, reason: "runtime_lost", orders: [] },
    { title: "doubts again on other evidence (O-4)", was: [...live, doubt, doubt, doubt], told: probe("indeterminate", "dead"), state: { lifecycle: "detecting" }, reason: "runtime_lost", orders: [] },
    { title: "is over when two witnesses saw it gone in silence", was: [...live, says("active")], told: gone, state: { lifecycle: "terminated", runtime: "exited" }, reason: "runtime_lost", orders: [] },
    { title: "is not over while it spoke just now", was: [...live, says("active")], told: probe("dead", "dead"), state: { lifecycle: "detecting" }, reason: "runtime_lost", orders: [] },
    { title: "is over although it waits for input (O-3)", was: [...live, says("waiting_input")], told: gone, state: { lifecycle: "terminated" }, reason: "runtime_lost", orders: [] },
    { title: "is not reopened by an observation (O-1)", was: [...live, gone], told: says("active"), state: { lifecycle: "terminated" }, reason: "runtime_lost", orders: [] },
    { title: "is over when its agent exits", was: [...live, says("active")], told: terminalExited(1), state: { lifecycle: "terminated", runtime: "exited", activity: "exited", wanted: "running" }, reason: "agent_process_exited", orders: [] },
    { title: "is over when its terminal is lost", was: live, told: terminalExited(1, { cause: "infra" }), state: { lifecycle: "terminated", runtime: "missing" }, reason: "runtime_lost", orders: [] },
    { title: "is over when nothing can be launched", was: live.slice(0, 2), told: terminalExited(1, { cause: "launch" }), state: { lifecycle: "terminated", runtime: "missing" }, reason: "error_in_process", orders: [] },
    { title: "is done when it reports", was: live, told: report, state: { lifecycle: "done", wanted: "running" }, reason: "research_complete", orders: ["reply"] },
    { title: "stays done when its agent exits", was: [...live, report], told: terminalExited(1), state: { lifecycle: "done", runtime: "exited" }, reason: "research_complete", orders: [] },
    { title: "stays done when it is killed (N4)", was: [...live, report], told: kill(), state: { lifecycle: "done", wanted: closing }, orders: ["reply", STOP] },
    { title: "refuses a report when it is over", was: [...live, terminalExited(1)], told: report, state: { lifecycle: "terminated" }, orders: ["refuse:SESSION_TERMINATED"] },
    { title: "stops its terminal first when it is killed", was: live, told: kill(), state: { lifecycle: "terminated", runtime: "exited", wanted: closing }, reason: "manually_killed", orders: ["reply", STOP] },
    { title: "names the cleanup", was: live, told: kill("cleanup"), state: { lifecycle: "terminated" }, reason: "auto_cleanup", orders: ["reply", STOP] },
    { title: "names the error", was: live, told: kill("error"), state: { lifecycle: "terminated" }, reason: "error_in_process", orders: ["reply", STOP] },
    { title: "stops its worktree after the terminal", was: [...live, kill()], told: childStopped("terminal"), state: { wanted: closing }, orders: [STOP] },
    { title: "is closed when all is stopped", was: [...live, kill(), childStopped("terminal")], told: childStopped("workspace", { removed: true }), state: { lifecycle: "terminated", wanted: closed }, orders: [ENDED] },
    { title: "is killed while its worktree is being made (N3)", was: [startSession()], told: kill(), state: { lifecycle: "terminated", wanted: closing }, orders: ["reply", STOP] },
    { title: "answers a second kill and changes nothing (N4)", was: [...live, kill("cleanup")], told: kill(), state: { lifecycle: "terminated", wanted: closing }, reason: "auto_cleanup", orders: ["reply"] },
    { title: "keeps the first end when it is cleaned up (N4)", was: [...live, terminalExited(1)], told: kill("cleanup"), state: { lifecycle: "terminated", wanted: closing }, reason: "agent_process_exited", orders: ["reply", STOP] },
    { title: "queues and delivers a message", was: live, told: send(), state: {}, orders: ["reply", DELIVER] },
    { title: "queues a message before its terminal is live", was: live.slice(0, 2), told: send(), state: {}, orders: ["reply"] },
    { title: "delivers it when the terminal is live", was: [...live.slice(0, 2), send()], told: terminalStarted(1), state: {}, orders: [DELIVER] },
    { title: "delivers one at a time (M1)", was: [...live, send()], told: send(), state: {}, orders: ["reply"] },
    { title: "types nothing into a question (M2)", was: [...live, says("waiting_input")], told: send(), state: {}, orders: ["reply"] },
    { title: "types it when the question was answered (M2)", was: [...live, says("blocked"), send()], told: says("active"), state: {}, orders: [DELIVER] },
    { title: "refuses a message when it is over", was: [...live, terminalExited(1)], told: send(), state: {}, orders: ["refuse:SESSION_TERMINATED"] },
    { title: "shows an open pull request and does not move", was: [...live, says("active")], told: scm(pullRequest()), state: { pr: "open", lifecycle: "working" }, orders: [] },
    { title: "shows a draft", was: live, told: scm(pullRequest({ state: "draft" })), state: { pr: "draft" }, orders: [] },
    { title: "parks when it is merged (O-5)", was: [...live, says("waiting_input")], told: scm(pullRequest({ state: "merged" })), state: { pr: "merged", lifecycle: "idle" }, reason: "merged_waiting_decision", orders: [] },
    { title: "waits for a person when it is closed", was: live, told: scm(pullRequest({ state: "closed" })), state: { pr: "closed", lifecycle: "idle" }, reason: "awaiting_user_input", orders: [] },
    { title: "tells its agent that checks fail", was: live, told: scm(failing()), state: { pr: "open" }, orders: [DELIVER] },
    { title: "tells nobody that checks fail when it is over", was: [...live, terminalExited(1)], told: scm(failing()), state: { pr: "open" }, orders: [] },
    { title: "tells its worktree what was seen of it", was: live, told: { type: "workspace.observed", data: { headSha: "bbb", branch: "ao/mer-1", dirty: true, unpushed: 1 } }, state: {}, orders: ["mail:workspace.seen"] },
    { title: "asks for a person when a child is quarantined", was: live, told: { type: "child.quarantined", from: "terminal/mer-1", data: { strikes: 3 } }, state: { lifecycle: "stuck" }, reason: "error_in_process", orders: [] },
  ] satisfies Row[])("$title", (row: Row) => {
    const machine = after(...row.was);
    const step = machine.send(row.told);
    expect(step.value).toMatchObject(row.state);
    expect(namesOf(step.orders)).toEqual(row.orders);
    // oxlint-disable-next-line typescript/no-unsafe-member-access -- the session's own context
    const { reason } = step.context.axes.lifecycle as { reason: string };
    expect(reason).toBe(row.reason ?? reason);
  });

  it.each([
    { title: "a probe that says the same", was: live, told: probe("alive", "alive") },
    { title: "a fetch that failed", was: live, told: { type: "scm.observed", data: { fetched: false, prs: [] } } },
    { title: "a fetch without pull requests", was: live, told: scm() },
    { title: "the same pull requests again", was: [...live, scm(pullRequest())], told: scm(pullRequest()) },
    { title: "a signal that is not valid", was: live, told: says("active", { confidence: "stale" }) },
    { title: "a probe of a terminal that was not launched", was: live.slice(0, 2), told: gone },
    { title: "equal probes of what is over (rule 9)", was: [...live, gone], told: gone },
    { title: "the evidence it is stuck on (O-4)", was: [...live, doubt, doubt, doubt], told: doubt },
    { title: "a receipt of nothing", was: live, told: { type: "terminal.delivered", data: { deliveryId: "x" } } },
    { title: "a timer that is not awaited", was: live, told: restartTimer },
  ] satisfies { title: string; was: Told[]; told: Told }[])("changes nothing on $title (E-2)", ({ was, told }) => {
    const step = after(...was).send(told);
    expect([step.isUnchanged, step.orders]).toEqual([true, []]);
  });

  it("counts fifty signals as fifty revisions (E-1)", () => {
    const machine = after(...live);
    const { revision } = machine.now.context as { revision: number };
    const signals = Array.from({ length: 50 }, (_, n) => ({ ...says(n % 2 === 0 ? "active" : "idle"), at: 9 }));
    expect(machine.all(...signals).context).toMatchObject({ revision: revision + 50 });
  });

  it("lets its worktree go only after what an exited agent left is gone (C1)", () => {
    const machine = after(...live, terminalExited(1));
    expect(machine.send(kill("cleanup")).orders).toMatchObject([{ type: "reply" }, { to: "terminal/mer-1", name: "child.stop" }]);
    expect(machine.send(childStopped("terminal")).orders).toMatchObject([{ to: "workspace/mer-1", name: "child.stop" }]);
    expect(machine.send(childStopped("workspace", { removed: false, reason: "dirty" })).orders).toMatchObject([{ to: "project/mer", name: "session.ended" }]);
    expect(machine.now.context).toMatchObject({ workspace: { state: "dirty", reason: "dirty" } });
  });

  describe("with a terminal that is restarted", () => {
    const kept = [startSession({ restart: { restart: "transient", intensity: 1 } }), workspaceStarted, terminalStarted(1)];
    const crash = (epoch: number): Told => ({ ...terminalExited(epoch, { cause: "crash", exitCode: 1 }), at: 1_000 * epoch });

    it("waits out the back-off, then launches the next epoch", () => {
      const machine = after(...kept, says("active"));
      const step = machine.send(crash(1));
      expect([namesOf(step.orders), step.value]).toMatchObject([["arm:restart"], { lifecycle: "working", runtime: "exited" }]);
      const again = machine.send({ ...restartTimer, at: 60_000 });
      expect(again.orders).toMatchObject([{ to: "terminal/mer-1", name: "child.start", data: { epoch: 2 } }]);
      expect(again.value).toMatchObject({ lifecycle: "not_started", runtime: "unknown", activity: "none" });
    });

    it("lets the supervisor, not a probe, decide whether it is over", () => {
      expect(after(...kept, says("active")).send(gone).value).toMatchObject({ lifecycle: "working", runtime: "exited" });
    });

    it("gives up and closes when the budget is used up", () => {
      const machine = after(...kept, crash(1), { ...restartTimer, at: 60_000 }, terminalStarted(2));
      expect(namesOf(machine.send(crash(2)).orders)).toEqual([STOP]);
      machine.send({ ...childStopped("terminal"), data: { epoch: 2 } });
      const step = machine.send(childStopped("workspace", { removed: true }));
      expect(step.value).toMatchObject({ lifecycle: "terminated", wanted: closed });
      expect(namesOf(step.orders)).toEqual([ENDED]);
    });

    it("does not start finished work again (C4)", () => {
      const step = after(...kept, report).send(crash(1));
      expect([step.orders, step.value]).toMatchObject([[], { lifecycle: "done" }]);
    });

    it("starts nothing again once it is killed during the back-off (N3)", () => {
      const machine = after(...kept, crash(1));
      expect(namesOf(machine.send(kill()).orders)).toEqual(["reply", "cancel:restart", STOP]);
      expect(machine.send({ ...restartTimer, at: 60_000 }).orders).toEqual([]);
    });

    it("gives a message that was not typed to the next terminal (M4)", () => {
      const machine = after(...kept, send());
      machine.send({ type: "terminal.undeliverable", data: { deliveryId: "m4", reason: "not_live", detail: "" } });
      expect(machine.now.context).toMatchObject({ messages: [{ id: "m4", state: "delivering" }] });
    });
  });

  describe("inbox", () => {
    it("notes what was delivered, and goes on with the next", () => {
      const machine = after(...live, { ...send(), id: "a" }, { ...send(), id: "b" });
      const step = machine.send({ type: "terminal.delivered", data: { deliveryId: "a" } });
      expect(step.orders).toMatchObject([{ data: { deliveryId: "b", epoch: 1 } }]);
      expect(step.context).toMatchObject({ messages: [{ state: "delivered" }, { state: "delivering" }] });
    });

    it.each(["interrupted", "refused"])("does not type again what was %s (M4)", (reason) => {
      const machine = after(...live, { ...send(), id: "a" });
      const step = machine.send({ type: "terminal.undeliverable", data: { deliveryId: "a", reason, detail: "no" } });
      expect(step.context).toMatchObject({ messages: [{ state: "undeliverable", reason: `${reason}: no` }] });
    });

    it("gives up what waits when the session ends", () => {
      const machine = after(...live, says("waiting_input"), send(), kill());
      expect(machine.now.context).toMatchObject({ messages: [{ state: "undeliverable" }] });
    });

    it("refuses what it has no room for", () => {
      const machine = after(...live, ...Array.from({ length: 64 }, () => send()));
      expect(namesOf(machine.send(send()).orders)).toEqual(["refuse:QUEUE_FULL"]);
    });
  });

  describe("checks that fail", () => {
    const heard = (machine: MachineUnderTest): number => (machine.now.context as { messages: unknown[] }).messages.length;

    it.each([
      { title: "the same failure", next: [failing()], told: 1 },
      { title: "the same failure after a run that was pending", next: [pullRequest({ ci: { state: "pending" } }), failing()], told: 1 },
      { title: "the same failure after another", next: [failing("bbb"), failing()], told: 2 },
      { title: "the same checks of another head", next: [failing("bbb")], told: 2 },
      { title: "another check of the same head", next: [failing("aaa", ["lint"])], told: 2 },
    ])("are told $told times in all for $title", ({ next, told }) => {
      const machine = after(...live, scm(failing()), ...next.map((pr) => scm(pr)));
      expect(heard(machine)).toBe(told);
    });

    it("are not told any more when they pass before their turn (M3)", () => {
      const machine = after(...live, says("blocked"), scm(failing()), scm(pullRequest({ ci: { state: "passing" } })));
      expect(machine.send(says("active")).orders).toEqual([]);
      expect(machine.now.context).toMatchObject({ messages: [{ state: "expired" }] });
    });
  });
});
