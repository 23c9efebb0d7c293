import { describe, expect, it } from "vitest";
import { isBinding, isHead, readCases, type Suite } from "./cases.ts";
import { isRecord } from "./expectation.ts";
import { HEAD_DIFFERENCES, HEAD_WITHOUT_WORDS } from "./head-differences.ts";
import { linesOf, runSuites, type CaseReport } from "./report.ts";

const FILE = "test/cases/lifecycle.json";
const { suites } = readCases(FILE);
const binding = suites.filter(isBinding);

describe("the conformance run", () => {
  it.each(binding)("holds in $id: $subject", async (suite) => {
    const reports = await runSuites([suite]);
    const failing = reports.filter(({ type }) => type !== "passed");
    expect(linesOf(failing)).toEqual(["0 passed, 0 failed"]);
    expect(reports.length).toBe(suite.cases.length);
  });
});

describe("the later model", () => {
  it("is differed from where a reason says so, and nowhere else", async () => {
    const reports = await runSuites(suites.filter(isHead));
    const idsOf = (sought: CaseReport["type"]): string[] =>
      reports.flatMap(({ type, id }) => (type === sought ? [id] : []));
    expect(idsOf("failed").toSorted()).toEqual(Object.values(HEAD_DIFFERENCES).flat().toSorted());
    expect(idsOf("error").toSorted()).toEqual(Object.values(HEAD_WITHOUT_WORDS).flat().toSorted());
    expect(idsOf("passed").length).toBe(117);
  });
});

/** A suite of one case of the file, changed. */
function suiteWith(id: string, change: (one: Record<string, unknown>) => void): Suite[] {
  const copy = readCases(FILE);
  return copy.suites.flatMap((suite) => {
    const cases = suite.cases.filter((one) => Reflect.get(Object(one), "id") === id);
    for (const one of cases) change(recordOf(one));
    return cases.length === 0 ? [] : [{ ...suite, cases }];
  });
}

async function outcomeWith(
  id: string,
  change: (one: Record<string, unknown>) => void,
): Promise<CaseReport | undefined> {
  const [report, ...more] = await runSuites(suiteWith(id, change));
  expect(more).toEqual([]);
  return report;
}

function partOf(one: Record<string, unknown>, key: "given" | "expect"): Record<string, unknown> {
  return recordOf(one[key]);
}
function recordOf(value: unknown): Record<string, unknown> {
  if (!isRecord(value)) throw new Error("this is no record");
  return value;
}
const stepsOf = (one: Record<string, unknown>): Record<string, unknown>[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the scenarios of the file have steps
  partOf(one, "given")["steps"] as Record<string, unknown>[];

describe("a wrong expectation", () => {
  it.each([
    { id: "seed-probe-07", key: "display", value: "killed" },
    { id: "seed-probe-03", key: "memory", value: "absent" },
    { id: "seed-openpr-01", key: "prReason", value: "approved" },
    { id: "seed-openpr-evidence-01", key: "evidence", value: "ci_failing" },
    { id: "seed-terminalpr-01", key: "session", value: "terminated" },
    { id: "seed-agreement-02", key: "displayEqualsDerived", value: "draft" },
    { id: "seed-quarantine-04", key: "memory", value: { attempts: 2 } },
    { id: "seed-evidence-hash-03", key: "sameHash", value: false },
    { id: "seed-display-03", key: "display", value: "killed" },
    {
      id: "seed-quarantine-flow-01",
      key: "displayAfterEach",
      value: ["detecting", "stuck", "stuck"],
    },
    { id: "seed-apply-activity-01", key: "revisionDelta", value: 2 },
    { id: "seed-apply-scm-02", key: "prNumber", value: 13 },
    { id: "seed-outcomes-01", key: "metadata", value: { branch: "feat/y" } },
    { id: "seed-outcomes-02", key: "error", value: false },
    { id: "seed-store-03", key: "revision", value: 49 },
    { id: "seed2-parity-01", key: "sameOnBothStores", value: false },
    { id: "seed2-pollset-01", key: "inPollSet", value: false },
    { id: "seed2-reactions-02", key: "sends", value: 2 },
    { id: "seed2-reactions-04", key: "sendContains", value: ["no such text"] },
    { id: "seed2-reactions-09", key: "notices", value: { "reaction.pr-closed": 2 } },
    { id: "seed2-reactions-13", key: "trackersAfterEach", value: [">0", "=0"] },
    { id: "seed2-reactions-20", key: "notice", value: { projectId: "other" } },
    { id: "seed2-sessions-01", key: "callOrder", value: ["runtime.create"] },
    { id: "seed2-sessions-16", key: "skipped", value: [] },
    { id: "seed2-reaper-01", key: "calls", value: ["pollSet", "tick"] },
    { id: "seed2-reaper-08", key: "stopsWithinMs", value: 0 },
  ])("of $key fails $id", async ({ id, key, value }) => {
    const report = await outcomeWith(id, (one) => {
      partOf(one, "expect")[key] = value;
    });
    expect(report).toMatchObject({ type: "failed", differences: [{ key, expected: value }] });
  });
});

describe("what is not known is an error, not a pass:", () => {
  it.each([
    { title: "an op", id: "seed-outcomes-07", change: (one) => (stepsOf(one)[0] = { op: "pray" }) },
    {
      title: "a key of a step",
      id: "seed-outcomes-07",
      change: (one) => Object.assign(recordOf(stepsOf(one)[0]), { hope: 1 }),
    },
    {
      title: "a word of a step",
      id: "seed-apply-runtime-01",
      change: (one) => Object.assign(recordOf(stepsOf(one)[0]), { runtime: "sleepy" }),
    },
    {
      title: "a key of a record",
      id: "seed-outcomes-07",
      change: (one) => Object.assign(recordOf(partOf(one, "given")["record"]), { mood: "good" }),
    },
    {
      title: "a key that is given",
      id: "seed-outcomes-07",
      change: (one) => Object.assign(partOf(one, "given"), { weather: "fine" }),
    },
    {
      title: "a key that is expected of a scenario",
      id: "seed-outcomes-07",
      change: (one) => Object.assign(partOf(one, "expect"), { happiness: 1 }),
    },
    {
      title: "a key that is given to a decider",
      id: "seed-probe-07",
      change: (one) => Object.assign(partOf(one, "given"), { luck: 1 }),
    },
    {
      title: "a key that is expected of a decider",
      id: "seed-probe-07",
      change: (one) => Object.assign(partOf(one, "expect"), { luck: 1 }),
    },
    {
      title: "a deed of a saga",
      id: "seed2-sessions-01",
      change: (one) => Object.assign(partOf(one, "given"), { do: "dance" }),
    },
    {
      title: "a key that is expected of a saga",
      id: "seed2-sessions-01",
      change: (one) => Object.assign(partOf(one, "expect"), { danced: true }),
    },
    { title: "a key of a case", id: "seed-probe-07", change: (one) => (one["flavour"] = 1) },
    {
      title: "a better column that nobody has read",
      id: "seed-gaps-05",
      change: (one) => Object.assign(partOf(one, "expect"), { better: "do what is right" }),
    },
    {
      title: "a state of the poll set",
      id: "seed2-pollset-01",
      change: (one) => Object.assign(partOf(one, "given"), { session: "asleep" }),
    },
  ] satisfies { title: string; id: string; change: (one: Record<string, unknown>) => unknown }[])(
    "$title",
    async ({ id, change }) => {
      expect(await outcomeWith(id, (one) => void change(one))).toMatchObject({ type: "error" });
    },
  );
});

describe("the lines of a run", () => {
  it("name each failing case with what was expected and what came, and end with the count", async () => {
    const reports = await runSuites(
      suiteWith("seed-probe-07", (one) => {
        partOf(one, "expect")["display"] = "killed";
      }),
    );
    expect(linesOf(reports)).toEqual([
      'FAILED seed-probe-07 (runtime alive, process unknown leans alive): display: expected "killed", got "working"',
      "0 passed, 1 failed",
    ]);
  });

  it("count what does not bind apart", async () => {
    const others = suites.filter((suite) => suite.id === "head-capability");
    expect(linesOf(await runSuites(others))).toEqual([
      "not binding and not counted: 3 cases of other models, of which 0 hold here, 0 differ, 3 speak of what is not here",
      "0 passed, 0 failed",
    ]);
    const whole = linesOf(await runSuites(others), true);
    expect(whole.length).toBe(5);
    expect(whole[0]).toMatch(/^not binding: ERROR head-capability-01 /);
  });
});
