import { array, assert, boolean, constantFrom, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import type { Committed } from "../../actors/system.ts";
import { actorViews, statePaths, type ActorViews } from "../../http/views.ts";
import { sessionView } from "../../http/session/view.ts";
import type { Address } from "../../machines/ids.ts";
import type { Json } from "../../machines/json.ts";
import type { SnapshotRow, SummaryRow } from "../../storage/store.ts";

function summary(address: Address, value: Json = "working", seq = 1): SummaryRow {
  return { address, value, isDone: false, updatedAt: seq, seq, facts: {} };
}

function fed(rows: readonly SummaryRow[]): {
  views: ActorViews;
  feed: (...rows: SummaryRow[]) => void;
} {
  let listener: ((committed: Committed) => void) | undefined;
  const views = actorViews({
    store: { summaries: () => rows },
    onCommitted: (given) => {
      listener = given;
      return () => {};
    },
  });
  return { views, feed: (...summaries) => listener?.({ entries: [], snapshots: [], summaries }) };
}

function addresses(views: ActorViews, after?: string): string[] {
  return views.list({ limit: 10, after }).map(({ address }) => address);
}

/** 100,000 sessions in two states. */
function* many(): Iterable<SummaryRow> {
  for (let n = 0; n < 100_000; n += 1) {
    const value = { lifecycle: n % 2 === 0 ? "working" : "idle", runtime: "alive", pr: "none" };
    yield {
      ...summary(`session/s-${String(n).padStart(6, "0")}`, value),
      facts: { projectId: "demo" },
    };
  }
}

const changed = record({
  address: constantFrom<Address>("session/a", "session/b", "project/a", "terminal/t", "session/c"),
  value: constantFrom<Json>("working", "idle", { lifecycle: "working", pr: { open: "green" } }),
  isDone: boolean(),
});

/** Summaries that say the same of nothing twice: their numbers are their own. */
const history = array(array(changed, { maxLength: 3 }), { maxLength: 12 }).map((commits) => {
  let seq = 0;
  return commits.map((rows) =>
    rows.map(({ address, value, isDone }): SummaryRow => {
      seq += 1;
      return { ...summary(address, value, seq), isDone, facts: { seq } };
    }),
  );
});

describe("the views", () => {
  it("are the store's summaries after each commit, whatever comes (P1)", () => {
    expect.hasAssertions();
    const isCopy = property(history, ([boot = [], ...commits]) => {
      const newest = new Map(boot.map((row) => [row.address, row]));
      const { views, feed } = fed([...newest.values()]);
      for (const rows of [[], ...commits]) {
        for (const row of rows) newest.set(row.address, row);
        feed(...rows);
        const kept = [...newest.values()].toSorted((a, b) => (a.address < b.address ? -1 : 1));
        const shown = views.list({ limit: 9 });
        expect(shown).toEqual(kept.map((row) => ({ ...row, states: statePaths(row.value) })));
        expect([...views.counts()].reduce((sum, { count }) => sum + count, 0)).toBe(
          shown.reduce((sum, { states }) => sum + states.length, 0),
        );
      }
    });
    assert(isCopy, { numRuns: 200 });
  });

  it("are those of the store at boot and those of the commits after it (P1)", () => {
    const { views, feed } = fed([summary("session/b"), summary("session/d")]);
    feed(summary("session/c"), summary("project/z"), summary("session/b", "idle", 2));
    expect(addresses(views)).toEqual(["project/z", "session/b", "session/c", "session/d"]);
    expect(views.counts()).toEqual([
      { kind: "project", state: "working", count: 1 },
      { kind: "session", state: "working", count: 2 },
      { kind: "session", state: "idle", count: 1 },
    ]);
  });

  it("go on after an address, whatever came or went before it (P2)", () => {
    const { views, feed } = fed([summary("session/b"), summary("session/d")]);
    feed(summary("session/a"), summary("session/c"));
    expect(addresses(views, "session/b")).toEqual(["session/c", "session/d"]);
    expect(addresses(views, "project/zz")).toEqual([
      "session/a",
      "session/b",
      "session/c",
      "session/d",
    ]);
    expect(addresses(views, "terminal/a")).toEqual([]);
  });

  it("share the value of actors in the same state (P3)", () => {
    const { views } = fed([summary("session/a", { x: "y" }), summary("session/b", { x: "y" })]);
    const [one, other] = views.list({ limit: 2 });
    expect(one?.value).toBe(other?.value);
  });

  it.each([
    { state: "lifecycle.working", count: 1 },
    { state: "lifecycle", count: 1 },
    { state: "working", count: 1 },
    { state: "work", count: 0 },
    { state: "pr.working", count: 0 },
  ])("find $count in state $state", ({ state, count }) => {
    const { views } = fed([summary("session/a", { lifecycle: "working", pr: { open: "green" } })]);
    expect(views.list({ state, limit: 9 })).toHaveLength(count);
  });

  it("tell a nested value by its leaves", () => {
    expect(statePaths({ a: "b", c: { d: "e", f: {} } })).toEqual(["a.b", "c.d.e", "c.f"]);
  });

  it("are rebuilt for 100,000 actors within a second and 128 MiB", () => {
    const before = process.memoryUsage().heapUsed;
    const began = process.threadCpuUsage();
    const views = actorViews({ store: { summaries: many }, onCommitted: () => () => {} });
    const { user, system } = process.threadCpuUsage(began);
    // Of this thread alone: other work on the machine must not count.
    const tookMs = (user + system) / 1_000;
    const grewMiB = (process.memoryUsage().heapUsed - before) / 1_048_576;
    expect(views.size()).toBe(100_000);
    expect([tookMs < 1_000, grewMiB < 128]).toEqual([true, true]);
  });
});

describe("the view of a session", () => {
  const row: SnapshotRow = {
    address: "session/demo-1",
    machine: "session",
    version: 1,
    definitionHash: "x",
    seq: 4,
    createdAt: 1,
    updatedAt: 2,
    snapshot: null,
    timers: {},
    strikes: 0,
    isQuarantined: false,
  };

  it.each([
    { title: "nothing", snapshot: null },
    { title: "a text", snapshot: "odd" },
    {
      title: "an odd context",
      snapshot: { value: 7, context: { axes: 1, prs: {}, terminal: [], messages: 2 } },
    },
    {
      title: "odd members",
      snapshot: { value: {}, context: { axes: { lifecycle: { since: "x" } }, prs: [1] } },
    },
  ])("rests on defaults when the row holds $title (W1)", ({ snapshot }) => {
    expect(sessionView({ ...row, snapshot })).toMatchObject({
      id: "demo-1",
      status: "spawning",
      lifecycle: { state: "not_started", since: 1 },
      prs: [],
      revision: 4,
    });
  });

  it("tells what was given up for it, and when", () => {
    const trouble = { child: "terminal", code: "SHAPE_WRONG", message: "a bad order", at: 9 };
    const { child: _, ...shown } = trouble;
    const snapshot = { value: {}, context: { trouble } };
    expect(sessionView({ ...row, snapshot }).trouble).toEqual(shown);
  });

  it("says no_signal when an agent with hooks is silent for too long (W2)", () => {
    const context = {
      harness: "claude-code",
      axes: { lifecycle: { reason: "spawn_requested", since: 1_000 } },
    };
    const snapshot = { value: { lifecycle: "working", runtime: "alive" }, context };
    const shown = [91_000, 91_001].map((at) => sessionView({ ...row, snapshot }, { at }).status);
    expect(shown).toEqual(["working", "no_signal"]);
  });
});
