import { describe, expect, it } from "vitest";
import { forge } from "../../../machines/forge/forge.ts";
import type { ForgeContext } from "../../../machines/forge/jobs.ts";
import type { Pull } from "../../../machines/forge/pulls.ts";
import { machineUnderTest, namesOf, type MachineUnderTest, type Told } from "../../support/step.ts";
import { done, failed } from "../samples.ts";

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  readonly orders: readonly string[];
}

const INSPECT = "effect:inspectBranches";
const CHECK = "effect:runChecks";
const MERGE = "effect:mergePullRequest";
const SCM = "observation:scm";

const checks = [{ name: "test", command: "true" }];
function opened(more: Record<string, unknown> = {}): Told {
  const data = { projectId: "mer", root: "/srv/repo", defaultBranch: "main", checks, ...more };
  return { type: "forge.open", from: "project/mer", data };
}
function pull(headRef = "ao/mer-1", more: Record<string, unknown> = {}): Told {
  return { type: "pull.open", data: { title: "Mend it", headRef, session: "mer-1", ...more } };
}
function inspected(more: Record<string, unknown> = {}): Told {
  const facts = { number: 1, headSha: "h1", baseSha: "b1", mergeable: true, contained: false };
  return done("inspectBranches", { pulls: [{ ...facts, ...more }] });
}
function checked(passed: boolean, headSha = "h1"): Told {
  const check = { name: "test", passed, exitCode: passed ? 0 : 1, durationMs: 5, logTail: "boom" };
  return done("runChecks", { headSha, checks: [check] });
}
const refs = (heads: Record<string, string | null>): Told => ({
  type: "refs.observed",
  data: { heads },
});
const on = (type: string, more: Record<string, unknown> = {}): Told => ({
  type,
  data: { number: 1, ...more },
});
const merge = on("pull.merge");
const merged = done("mergePullRequest", { mergeSha: "m1", repeated: false });
const close: Told = { type: "forge.close" };

const open = [opened(), pull()];
const seen = [...open, inspected()];
const green = [...seen, checked(true)];

function pullOf(machine: MachineUnderTest<ForgeContext>, number = 1): Pull | undefined {
  return machine.now.context.pulls[number];
}

function forgeUnderTest(): MachineUnderTest<ForgeContext> {
  return machineUnderTest<ForgeContext>(forge, "mer");
}

describe("forge", () => {
  it.each([
    {
      title: "looks at the branches of a new pull request",
      was: [opened()],
      told: pull(),
      orders: ["reply", INSPECT],
    },
    {
      title: "orcha-209: answers with the one that is open already",
      was: open,
      told: pull(),
      orders: ["reply"],
    },
    {
      title: "opens another for another base",
      was: open,
      told: pull("ao/mer-1", { baseRef: "next" }),
      orders: ["reply"],
    },
    {
      title: "checks a head it sees for the first time (F2)",
      was: open,
      told: inspected(),
      orders: [CHECK, SCM],
    },
    {
      title: "checks nothing when nothing is configured",
      was: [opened({ checks: [] }), pull()],
      told: inspected(),
      orders: [SCM],
    },
    {
      title: "publishes what the checks said (F2)",
      was: seen,
      told: checked(false),
      orders: [SCM],
    },
    {
      title: "drops the checks of an older head (F3)",
      was: [...seen, refs({ "ao/mer-1": "h2" }), inspected({ headSha: "h2" })],
      told: checked(true, "h1"),
      orders: [CHECK],
    },
    {
      title: "looks again when a head moved",
      was: seen,
      told: refs({ "ao/mer-1": "h2" }),
      orders: [INSPECT],
    },
    {
      title: "looks again when a base moved",
      was: seen,
      told: refs({ main: "b2" }),
      orders: [INSPECT],
    },
    {
      title: "does not look when no branch of it moved",
      was: seen,
      told: refs({ "ao/mer-1": "h1", main: "b1", other: "x" }),
      orders: [],
    },
    {
      title: "waits while an inspection is out (F1)",
      was: open,
      told: refs({ "ao/mer-1": "h2" }),
      orders: [],
    },
    {
      title: "looks once more after it (F1)",
      was: [...open, refs({ "ao/mer-1": "h2" })],
      told: inspected(),
      orders: [INSPECT, CHECK, SCM],
    },
    {
      title: "publishes nothing when nothing changed",
      was: [...green, refs({ main: "b2" })],
      told: inspected(),
      orders: [],
    },
    {
      title: "tries again later when git cannot be asked",
      was: open,
      told: failed("inspectBranches"),
      orders: ["arm:inspect"],
    },
    {
      title: "looks again after that wait",
      was: [...open, failed("inspectBranches")],
      told: { type: "timer.inspect" },
      orders: [INSPECT],
    },
    { title: "orders a merge", was: green, told: merge, orders: ["reply", MERGE, SCM] },
    {
      title: "merges only the head that was meant (F3)",
      was: green,
      told: on("pull.merge", { headSha: "h0" }),
      orders: ["refuse:NOT_MERGEABLE"],
    },
    { title: "orders a merge once", was: [...green, merge], told: merge, orders: ["reply"] },
    { title: "is merged when git says so", was: [...green, merge], told: merged, orders: [SCM] },
    {
      title: "looks at a pull request whose merge failed (F4)",
      was: [...green, merge],
      told: failed("mergePullRequest"),
      orders: [INSPECT, SCM],
    },
    {
      title: "refuses to merge what conflicts",
      was: [...open, inspected({ mergeable: false })],
      told: merge,
      orders: ["refuse:NOT_MERGEABLE"],
    },
    {
      title: "refuses to merge before the checks have passed (F6)",
      was: seen,
      told: merge,
      orders: ["refuse:NOT_MERGEABLE"],
    },
    {
      title: "refuses to merge what fails its checks (F6)",
      was: [...seen, checked(false)],
      told: merge,
      orders: ["refuse:NOT_MERGEABLE"],
    },
    {
      title: "merges what has no checks to pass (F6)",
      was: [opened({ checks: [] }), pull(), inspected()],
      told: merge,
      orders: ["reply", MERGE, SCM],
    },
    {
      title: "has nothing to tell when that is said again (G1)",
      was: [opened({ owesReview: true }), pull(), inspected()],
      told: { ...opened({ owesReview: true }), type: "forge.configure" },
      orders: [],
    },
    {
      title: "tries checks that could not be run again later (F5)",
      was: seen,
      told: failed("runChecks"),
      orders: ["arm:checks", SCM],
    },
    {
      title: "runs them again after that wait, also while it is closed (F5)",
      was: [...seen, failed("runChecks"), close],
      told: { type: "timer.checks" },
      orders: [CHECK],
    },
    {
      title: "refuses to merge a draft",
      was: [opened(), pull("a", { draft: true }), inspected()],
      told: merge,
      orders: ["refuse:NOT_MERGEABLE"],
    },
    {
      title: "refuses to merge what was never seen",
      was: open,
      told: merge,
      orders: ["refuse:NOT_MERGEABLE"],
    },
    {
      title: "refuses to merge what is merged",
      was: [...green, merge, merged],
      told: merge,
      orders: ["refuse:PULL_REQUEST_ENDED"],
    },
    {
      title: "refuses to close what is being merged",
      was: [...green, merge],
      told: on("pull.close"),
      orders: ["refuse:PULL_REQUEST_ENDED"],
    },
    { title: "closes", was: green, told: on("pull.close"), orders: ["reply", SCM] },
    {
      title: "turns a draft into an open one",
      was: [opened(), pull("a", { draft: true }), inspected()],
      told: on("pull.ready"),
      orders: ["reply", SCM],
    },
    {
      title: "takes a comment",
      was: green,
      told: on("pull.comment", { body: "why?" }),
      orders: ["reply", SCM],
    },
    {
      title: "resolves a comment",
      was: [...green, on("pull.comment", { body: "why?" })],
      told: on("pull.resolve", { commentId: "1-1" }),
      orders: ["reply", SCM],
    },
    {
      title: "refuses to resolve what is not there",
      was: green,
      told: on("pull.resolve", { commentId: "1-9" }),
      orders: ["refuse:COMMENT_UNKNOWN"],
    },
    {
      title: "runs the checks again",
      was: green,
      told: on("pull.check"),
      orders: ["reply", CHECK, SCM],
    },
    {
      title: "tells both sessions when one claims the pull request of the other",
      was: green,
      told: on("pull.claim", { session: "mer-9" }),
      orders: ["reply", SCM, SCM],
    },
    {
      title: "has nothing to tell a session that claims its own",
      was: [...green, on("pull.claim", { session: "mer-9" })],
      told: on("pull.claim", { session: "mer-9" }),
      orders: ["reply"],
    },
    {
      title: "refuses what it does not know",
      was: [opened()],
      told: merge,
      orders: ["refuse:PULL_REQUEST_UNKNOWN"],
    },
    {
      title: "refuses while its project does not use it",
      was: [opened(), close],
      told: pull(),
      orders: ["refuse:SCM_UNSUPPORTED"],
    },
    { title: "is opened again", was: [opened(), close], told: opened(), orders: [] },
    {
      title: "notes a change of the project",
      was: [opened()],
      told: { ...opened(), type: "forge.configure" },
      orders: [],
    },
  ] satisfies Row[])("$title", ({ was, told, orders }) => {
    const machine = forgeUnderTest();
    machine.all(...was);
    expect(namesOf(machine.send(told).orders)).toEqual(orders);
  });

  it("shows the failing checks with the end of their log", () => {
    const machine = forgeUnderTest();
    const { orders } = machine.all(...seen, checked(false));
    expect(orders).toMatchObject([
      {
        id: "mer-1",
        data: { prs: [{ ci: { state: "failing", failing: [{ name: "test", logTail: "boom" }] } }] },
      },
    ]);
  });

  it("says to the former session what is not its own any more, and to the new one what is (O-6)", () => {
    const machine = forgeUnderTest();
    const { orders } = machine.all(...green, on("pull.claim", { session: "mer-9" }));
    expect(orders.slice(1)).toMatchObject([
      { id: "mer-9", data: { prs: [{ number: 1 }] } },
      { id: "mer-1", data: { fetched: true, prs: [], released: [expect.stringContaining("/1")] } },
    ]);
    expect(orders[1]).not.toHaveProperty("data.released");
  });

  it("publishes only for the sessions whose pull requests changed (F2)", () => {
    const machine = forgeUnderTest();
    const other = inspected({ number: 2, headSha: "h2" });
    machine.all(...green, pull("b", { session: "mer-2" }), other);
    expect(machine.send(on("pull.comment", { body: "why?" })).orders).toMatchObject([
      { type: "reply" },
      { type: "observation", id: "mer-1" },
    ]);
  });

  it("is merged when someone else brought its commits into the base", () => {
    const machine = forgeUnderTest();
    machine.all(...green, refs({ main: "b2" }), inspected({ baseSha: "b2", contained: true }));
    expect(pullOf(machine)).toMatchObject({ state: "merged", mergeSha: "b2" });
  });

  it("is not merged because its branch has no commits yet", () => {
    const machine = forgeUnderTest();
    machine.all(...open, inspected({ contained: true }), checked(true));
    machine.all(refs({ main: "b2" }), inspected({ baseSha: "b2", contained: true }));
    expect(pullOf(machine)).toMatchObject({ state: "open" });
  });

  it("merges one at a time, in the order they were asked for (F1)", () => {
    const machine = forgeUnderTest();
    const both = [
      pull("a"),
      inspected(),
      checked(true),
      pull("b"),
      inspected({ number: 2, headSha: "h2" }),
      checked(true, "h2"),
    ];
    machine.all(opened(), ...both, merge);
    expect(namesOf(machine.send({ type: "pull.merge", data: { number: 2 } }).orders)).toEqual([
      "reply",
      SCM,
    ]);
    expect(namesOf(machine.send(merged).orders)).toEqual([MERGE, INSPECT, SCM]);
    machine.send(merged);
    expect([pullOf(machine, 1)?.state, pullOf(machine, 2)?.state]).toEqual(["merged", "merged"]);
  });

  it("keeps the reason of a merge that failed, and the pull request open (F4)", () => {
    const machine = forgeUnderTest();
    machine.all(...green, merge, failed("mergePullRequest"));
    expect(pullOf(machine)).toMatchObject({
      state: "open",
      merging: false,
      trouble: { code: "GIT_FAILED" },
    });
  });

  it("keeps checks that could not be run apart from checks that fail", () => {
    const machine = forgeUnderTest();
    machine.all(...seen, failed("runChecks"));
    expect(pullOf(machine)).toMatchObject({
      ci: { state: "pending" },
      trouble: { code: "GIT_FAILED" },
    });
  });

  it("fails the checks that could not be run three times, and says why (F5)", () => {
    const machine = forgeUnderTest();
    const again = [failed("runChecks"), { type: "timer.checks" }];
    const { orders } = machine.all(...seen, ...again, ...again, failed("runChecks"));
    const logTail = "The checks could not be run, 3 times. GIT_FAILED: no";
    const ci = { state: "failing", failing: [{ name: "checks could not be run", logTail }] };
    expect(orders).toMatchObject([{ id: "mer-1", data: { prs: [{ ci }] } }]);
    expect(machine.send({ type: "timer.checks" }).orders).toEqual([]);
  });

  it("names the checks for which it does not merge (F6)", () => {
    const machine = forgeUnderTest();
    machine.all(...seen, checked(false));
    expect(machine.send(merge).orders).toMatchObject([
      { message: "merge ao://mer/pull/1: its checks fail: test" },
    ]);
  });

  it("refuses the comment for which there is no room", () => {
    const machine = forgeUnderTest();
    machine.all(...open, ...Array.from({ length: 200 }, () => on("pull.comment", { body: "x" })));
    expect(namesOf(machine.send(on("pull.comment", { body: "y" })).orders)).toEqual([
      "refuse:LIMIT_REACHED",
    ]);
  });

  it("publishes no more than fits into one message", () => {
    const machine = forgeUnderTest();
    machine.all(...seen);
    const body = "x".repeat(60_000);
    const { orders } = machine.all(
      ...Array.from({ length: 100 }, () => on("pull.comment", { body })),
    );
    expect(JSON.stringify(orders.at(-1)).length).toBeLessThan(512_000);
  });
});
