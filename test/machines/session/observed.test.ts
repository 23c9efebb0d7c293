import { describe, expect, it } from "vitest";
import type { Told } from "../../support/step.ts";
import { pullRequest, scm } from "../samples.ts";
import {
  live,
  restartTimer,
  probe,
  says,
  after,
  type Row,
  gone,
  doubt,
  actNamesOf,
  DELIVER,
  failing,
} from "./samples.ts";

describe("session, observed,", () => {
  it.each([
    {
      title: "works when its agent says so",
      was: live,
      told: says("active"),
      state: { lifecycle: "working", activity: "active" },
      reason: "task_in_progress",
      orders: [],
    },
    {
      title: "needs input when its agent asks",
      was: live,
      told: says("waiting_input"),
      state: { lifecycle: "needs_input", activity: "waiting_input" },
      reason: "awaiting_user_input",
      orders: [],
    },
    {
      title: "is stuck when its agent is blocked",
      was: live,
      told: says("blocked"),
      state: { lifecycle: "stuck", activity: "blocked" },
      reason: "awaiting_user_input",
      orders: [],
    },
    {
      title: "is idle when its agent is ready",
      was: live,
      told: says("ready"),
      state: { lifecycle: "idle", activity: "ready" },
      reason: "research_complete",
      orders: [],
    },
    {
      title: "does not move when its agent says goodbye",
      was: [...live, says("active")],
      told: says("exited"),
      state: { lifecycle: "working", activity: "exited" },
      orders: [],
    },
    {
      title: "lets a healthy probe hide no question (O-2)",
      was: [...live, says("waiting_input")],
      told: probe("alive", "alive"),
      state: { lifecycle: "needs_input", runtime: "alive" },
      orders: [],
    },
    {
      title: "quarantines on a failed probe",
      was: [...live, says("active")],
      told: doubt,
      state: { lifecycle: "detecting", runtime: "probe_failed" },
      reason: "probe_failure",
      orders: [],
    },
    {
      title: "quarantines on a dead process in a live terminal",
      was: live,
      told: probe("alive", "dead"),
      state: { lifecycle: "detecting", runtime: "alive" },
      reason: "agent_process_exited",
      orders: [],
    },
    {
      title: "works again after a healthy probe",
      was: [...live, doubt],
      told: probe("alive", "alive"),
      state: { lifecycle: "working", runtime: "alive" },
      reason: "task_in_progress",
      orders: [],
    },
    {
      title: "is stuck after the third equal doubt",
      was: [...live, doubt, doubt],
      told: doubt,
      state: { lifecycle: "stuck" },
      reason: "probe_failure",
      orders: [],
    },
    {
      title: "stays stuck on the same evidence (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: doubt,
      state: { lifecycle: "stuck" },
      reason: "probe_failure",
      orders: [],
    },
    {
      title: "is revived from stuck by a healthy probe (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: probe("alive", "alive"),
      state: { lifecycle: "working" },
      orders: [],
    },
    {
      title: "is revived from stuck by its agent (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: says("active"),
      state: { lifecycle: "working" },
      orders: [],
    },
    {
      title: "is ended from stuck by a death (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: gone,
      state: { lifecycle: "terminated", runtime: "exited" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "doubts again on other evidence (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: probe("indeterminate", "dead"),
      state: { lifecycle: "detecting" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "orcha-105: is over when two witnesses saw it gone in silence",
      was: [...live, says("active")],
      told: gone,
      state: { lifecycle: "terminated", runtime: "exited" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "orcha-108: is not over while it spoke just now",
      was: [...live, says("active")],
      told: probe("dead", "dead"),
      state: { lifecycle: "detecting" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "is over although it waits for input (O-3)",
      was: [...live, says("waiting_input")],
      told: gone,
      state: { lifecycle: "terminated" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "is not reopened by a healthy probe, which only moves the runtime (O-1)",
      was: [...live, gone],
      told: probe("alive", "alive", { at: 500_001 }),
      state: { lifecycle: "terminated", runtime: "alive" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "orcha-109: is not reopened by an observation (O-1)",
      was: [...live, gone],
      told: says("active"),
      state: { lifecycle: "terminated" },
      reason: "runtime_lost",
      orders: [],
    },
    {
      title: "shows an open pull request and does not move",
      was: [...live, says("active")],
      told: scm(pullRequest()),
      state: { pr: "open", lifecycle: "working" },
      orders: [],
    },
    {
      title: "shows a draft",
      was: live,
      told: scm(pullRequest({ state: "draft" })),
      state: { pr: "draft" },
      orders: [],
    },
    {
      title: "parks when it is merged (O-5)",
      was: [...live, says("waiting_input")],
      told: scm(pullRequest({ state: "merged" })),
      state: { pr: "merged", lifecycle: "idle" },
      reason: "merged_waiting_decision",
      orders: [],
    },
    {
      title: "waits for a person when it is closed",
      was: live,
      told: scm(pullRequest({ state: "closed" })),
      state: { pr: "closed", lifecycle: "idle" },
      reason: "awaiting_user_input",
      orders: [],
    },
  ] satisfies Row[])("$title", (row: Row) => {
    const machine = after(...row.was);
    const step = machine.send(row.told);
    expect(step.value).toMatchObject(row.state);
    expect(actNamesOf(step.orders)).toEqual(row.orders);
    const { reason } = step.context.axes.lifecycle;
    expect(reason).toBe(row.reason ?? reason);
  });

  it.each([
    { title: "orcha-106: a probe that says the same", was: live, told: probe("alive", "alive") },
    {
      title: "a fetch that failed",
      was: live,
      told: { type: "scm.observed", data: { fetched: false, prs: [] } },
    },
    { title: "a fetch without pull requests", was: live, told: scm() },
    {
      title: "the same pull requests again",
      was: [...live, scm(pullRequest())],
      told: scm(pullRequest()),
    },
    {
      title: "a signal that is not valid",
      was: live,
      told: says("active", { confidence: "stale" }),
    },
    {
      title: "orcha-107: a probe of a terminal that was not launched",
      was: live.slice(0, 2),
      told: gone,
    },
    { title: "equal probes of what is over (rule 9)", was: [...live, gone], told: gone },
    {
      title: "the evidence it is stuck on (O-4)",
      was: [...live, doubt, doubt, doubt],
      told: doubt,
    },
    {
      title: "a receipt of nothing",
      was: live,
      told: { type: "terminal.delivered", data: { deliveryId: "x" } },
    },
    { title: "a timer that is not awaited", was: live, told: restartTimer },
  ] satisfies { title: string; was: Told[]; told: Told }[])(
    "changes nothing on $title (E-2)",
    ({ was, told }) => {
      const step = after(...was).send(told);
      expect([step.isUnchanged, step.orders]).toEqual([true, []]);
    },
  );

  it("counts fifty signals as fifty revisions (E-1)", () => {
    const machine = after(...live);
    const { revision } = machine.now.context;
    const signals = Array.from({ length: 50 }, (_, n) => ({
      ...says(n % 2 === 0 ? "active" : "idle"),
      at: 9,
    }));
    expect(machine.all(...signals).context).toMatchObject({ revision: revision + 50 });
  });
});

it("forgets a pull request that another session claimed, and what was to be said about it (O-6)", () => {
  const url = "ao://mer/pull/1";
  const session = after(...live, says("waiting_input"));
  expect(session.send(scm(failing())).context.messages).toMatchObject([{ state: "queued" }]);
  const released = { ...scm(), data: { fetched: true, prs: [], released: [url] } };
  const { context } = session.send(released);
  expect([context.axes.pr.state, context.prs, context.trackers]).toEqual(["none", [], {}]);
  expect(session.now.value).toMatchObject({ pr: "none" });
  expect(session.send(released).isUnchanged).toBe(true);
  const { orders } = session.send(says("idle", { event: "stop" }));
  expect(actNamesOf(orders)).not.toContain(DELIVER);
});
