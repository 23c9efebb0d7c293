import { describe, expect, it } from "vitest";
import { activityObserved, runtimeObserved } from "../../../machines/session/observed.ts";
import type { ActivityState, Axes, SessionContext } from "../../../machines/session/record.ts";
import { after, live } from "./samples.ts";

// What each observation makes of each state of a session, all of them, against the rules of composition written down a
// second time: who owns the lifecycle, what is over, what proves a life (reference 1.3, 1.6 and its corrections).

const AT = 10_000_000;
const LIMITS = {
  maxAttempts: 3,
  maxMs: 300_000,
  recentMs: 60_000,
  graceMs: 0,
  confirmMs: 0,
  idleAfterMs: 0,
  workingMs: 0,
  restingMs: 0,
  askingMs: 0,
  doubtMs: 0,
};
const LOST = ["runtime_lost", "agent_process_exited", "probe_failure"] as const;
const LIFECYCLES: readonly (readonly [Axes["lifecycle"]["state"], string])[] = [
  ["not_started", "spawn_requested"],
  ["working", "task_in_progress"],
  ["working", "fixing_ci"],
  ["idle", ""],
  ["idle", "merged_waiting_decision"],
  ["needs_input", "awaiting_user_input"],
  ["stuck", "awaiting_user_input"],
  ...LOST.map((reason) => ["stuck", reason] as const),
  ...LOST.map((reason) => ["detecting", reason] as const),
  ["done", "research_complete"],
  ["terminated", "manually_killed"],
  ["terminated", "runtime_lost"],
];
const PROBES = ["alive", "dead", "failed", "indeterminate"] as const;
const ACTIVITIES = ["none", "active", "idle", "waiting_input", "blocked", "exited"] as const;
const AGES = [0, 60_000, 60_001] as const;
const SIGNALS = ["active", "ready", "idle", "waiting_input", "blocked", "exited"] as const;

const born = after(...live).now.context;

function sessionIn(
  [state, reason]: (typeof LIFECYCLES)[number],
  activity: ActivityState = "active",
  age = 0,
): SessionContext {
  const detecting = { attempts: 1, startedAt: AT, evidenceHash: "other" };
  const spoken = { state: activity, lastActivityAt: activity === "none" ? null : AT - age };
  const axes: Axes = {
    ...born.axes,
    lifecycle: { state, reason, since: 0 },
    activity: { ...born.axes.activity, ...spoken },
    detecting: state === "detecting" ? detecting : null,
  };
  return { ...born, axes };
}

type Probe = (typeof PROBES)[number];

/** What the two witnesses come to; null for a life. */
function verdictOf(
  runtime: Probe,
  process: Probe,
  isRecent: boolean,
): readonly [string, string] | null {
  if (runtime === "failed" || process === "failed") return ["detecting", "probe_failure"];
  if (runtime === "alive") return process === "dead" ? ["detecting", "agent_process_exited"] : null;
  const isDeath = runtime === "dead" && process === "dead" && !isRecent;
  return isDeath ? ["terminated", "runtime_lost"] : ["detecting", "runtime_lost"];
}

const isOver = (state: string): boolean => state === "done" || state === "terminated";
const isOwned = (state: string, reason: string): boolean =>
  state === "detecting" || LOST.some((each) => each === reason);

describe("a probe", () => {
  const rows = PROBES.flatMap((runtime) => PROBES.map((process) => ({ runtime, process })));

  it.each(rows)("of runtime $runtime and process $process", ({ runtime, process }) => {
    for (const before of LIFECYCLES) {
      for (const activity of ACTIVITIES) {
        for (const age of AGES) {
          const [state, reason] = before;
          const isRecent = activity !== "none" && activity !== "exited" && age <= 60_000;
          const verdict = verdictOf(runtime, process, isRecent);
          const healthy = isOwned(state, reason) ? ["working", "task_in_progress"] : before;
          const wanted = isOver(state) ? before : (verdict ?? healthy);
          const event = { data: { runtime, process }, at: AT };
          const { axes } = runtimeObserved(sessionIn(before, activity, age), event, LIMITS);
          const got = [axes.lifecycle.state, axes.lifecycle.reason];
          expect([before, activity, age, got]).toEqual([before, activity, age, [...wanted]]);
          expect(axes.detecting !== null).toBe(axes.lifecycle.state === "detecting");
          expect(axes.activity.state).toBe(activity);
        }
      }
    }
  });
});

const LEADS_TO: Readonly<Record<(typeof SIGNALS)[number], readonly [string, string] | null>> = {
  active: ["working", "task_in_progress"],
  ready: ["idle", "research_complete"],
  idle: ["idle", ""],
  waiting_input: ["needs_input", "awaiting_user_input"],
  blocked: ["stuck", "awaiting_user_input"],
  exited: null,
};

describe("an agent", () => {
  it.each(SIGNALS)("that says %s", (state) => {
    for (const before of LIFECYCLES) {
      const data = { state, confidence: "valid", source: "hook" } as const;
      const { axes } = activityObserved(sessionIn(before, "none"), { data, at: AT });
      const wanted = isOver(before[0]) ? before : (LEADS_TO[state] ?? before);
      const got = [axes.lifecycle.state, axes.lifecycle.reason];
      expect([before, got, axes.activity.state]).toEqual([before, [...wanted], state]);
      expect(axes.detecting !== null).toBe(axes.lifecycle.state === "detecting");
    }
  });

  it.each(["stale", "null", "unavailable", "probe_failure"] as const)(
    "of whom a %s word came has said nothing",
    (confidence) => {
      for (const before of LIFECYCLES) {
        for (const state of SIGNALS) {
          const was = sessionIn(before);
          expect(activityObserved(was, { data: { state, confidence }, at: AT })).toBe(was);
        }
      }
    },
  );
});
