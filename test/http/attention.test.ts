import { describe, expect, it } from "vitest";
import { attentionOf, STATES, type Attention, type Facts } from "../../http/attention.ts";
import { boardLine } from "../../http/board.ts";
import { chartGraph } from "../../http/chart/graph.ts";
import { offersOf, type Offer } from "../../http/offers.ts";
import { sessionView } from "../../http/session/view.ts";
import { KINDS, type KindName } from "../../machines/ids.ts";
import { kinds } from "../../machines/kinds.ts";
import { Settings } from "../../machines/settings.ts";
import type { SnapshotRow } from "../../storage/store.ts";
import { snapshotRow } from "../storage/rows.ts";

const all = kinds(Settings.parse({}));

interface Row {
  readonly kind: KindName;
  readonly states: readonly string[];
  readonly facts?: Partial<Facts>;
  readonly turn: Attention;
}

const asking = (priority: string, more: object = {}): Partial<Facts> => ({
  notices: [{ id: "demo-1-n1", priority, ...more }],
});

describe("whose turn it is", () => {
  it.each([
    { kind: "session", states: ["lifecycle.working", "wanted.running"], turn: "moving" },
    { kind: "session", states: ["lifecycle.detecting", "wanted.running"], turn: "moving" },
    { kind: "session", states: ["lifecycle.needs_input", "wanted.running"], turn: "needs" },
    { kind: "session", states: ["lifecycle.stuck", "wanted.running"], turn: "needs" },
    { kind: "session", states: ["lifecycle.idle", "pr.open", "wanted.running"], turn: "resting" },
    { kind: "session", states: ["lifecycle.stuck", "wanted.stopped.closed"], turn: "ended" },
    { kind: "session", states: ["lifecycle.terminated", "wanted.running"], turn: "ended" },
    { kind: "objective", states: ["driving.waiting_for_user"], turn: "needs" },
    { kind: "objective", states: ["driving.turn_running"], turn: "moving" },
    { kind: "objective", states: ["driving.parked_on_pr"], turn: "resting" },
    { kind: "objective", states: ["failed"], turn: "ended" },
    { kind: "question", states: ["open"], turn: "needs" },
    { kind: "review", states: ["worker.present", "reviewer.live", "run.running"], turn: "moving" },
    { kind: "review", states: ["worker.present", "reviewer.absent", "run.failed"], turn: "needs" },
    { kind: "review", states: ["worker.present", "reviewer.live", "run.failed"], turn: "moving" },
    { kind: "review", states: ["worker.over", "reviewer.absent", "run.failed"], turn: "ended" },
  ] satisfies Row[])("with a $kind in $states is: $turn (A3)", ({ kind, states, turn }) => {
    expect(attentionOf({ kind, states, ...PLAIN })).toBe(turn);
  });

  it.each([
    { title: "an urgent notice", facts: asking("urgent"), turn: "needs" },
    { title: "one that asks for an action", facts: asking("action"), turn: "needs" },
    { title: "one that only tells", facts: asking("info"), turn: "ended" },
    { title: "one that was seen", facts: asking("urgent", { seenAt: 1 }), turn: "ended" },
    { title: "one that is over", facts: asking("urgent", { resolvedAt: 1 }), turn: "ended" },
    { title: "a quarantine", facts: { isQuarantined: true }, turn: "needs" },
  ] as const)("with a session that is over and has $title is: $turn (A2)", ({ facts, turn }) => {
    const states = ["lifecycle.terminated", "wanted.running"];
    expect(attentionOf({ kind: "session", states, ...PLAIN, ...facts })).toBe(turn);
  });

  it("is a person's where an agent that should speak never did (A4)", () => {
    const axes = { lifecycle: { reason: "spawn_requested", since: 1_000 } };
    const turnAt = (lifecycle: string, updatedAt: number): Attention[] => {
      const value = { lifecycle, runtime: "alive", wanted: "running" };
      const context = { harness: "claude-code", axes };
      const row = {
        ...rowIn(lifecycle),
        snapshot: { status: "active", value, context },
        updatedAt,
      };
      return [boardLine(row, {}).attention, sessionView(row).attention];
    };
    expect([turnAt("working", 91_000), turnAt("working", 91_001)]).toEqual([
      ["moving", "moving"],
      ["needs", "needs"],
    ]);
    expect(turnAt("terminated", 91_001)).toEqual(["ended", "ended"]);
  });

  it.each(KINDS)("knows only states that the chart of a %s has", (name) => {
    const kind = all.get(name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    const known = new Set(chartGraph(kind, new Set()).nodes.map(({ id }) => id));
    const told = Object.values(STATES[name]).flat();
    expect(told.filter((path) => !known.has(path))).toEqual([]);
  });

  it("is the same in the list of sessions and on the board (A1)", () => {
    const rows = ["working", "needs_input", "stuck", "idle", "done"].map(rowIn);
    const onBoard = rows.map((row) => boardLine(row, {}).attention);
    expect(rows.map((row) => sessionView(row).attention)).toEqual(onBoard);
    expect(onBoard).toEqual(["moving", "needs", "needs", "resting", "ended"]);
  });
});

const PLAIN = { notices: [], isDone: false, isQuarantined: false };

function rowIn(lifecycle: string): SnapshotRow {
  const value = { lifecycle, wanted: "running" };
  const snapshot = { status: "active", value, context: {} };
  return { ...snapshotRow("session/demo-1", 4), snapshot };
}

describe("what a person may do", () => {
  const working = ["lifecycle.working", "runtime.alive", "pr.open", "wanted.running"];
  it.each([
    { kind: "session", states: working, offers: ["send", "kill", "review"] },
    {
      kind: "session",
      states: ["lifecycle.idle", "runtime.alive", "pr.none", "wanted.running"],
      offers: ["send", "kill"],
    },
    {
      kind: "session",
      states: ["lifecycle.done", "runtime.alive", "pr.merged", "wanted.running"],
      offers: ["send", "kill"],
    },
    {
      kind: "session",
      states: ["lifecycle.terminated", "runtime.exited", "wanted.running"],
      offers: ["kill", "restore"],
    },
    {
      kind: "session",
      states: ["lifecycle.terminated", "runtime.exited", "pr.open", "wanted.stopped.closed"],
      offers: ["restore"],
    },
    { kind: "objective", states: ["driving.turn_running"], offers: ["send", "cancel"] },
    { kind: "objective", states: ["done"], offers: [] },
    { kind: "objective", states: ["canceled"], offers: [] },
    { kind: "objective", states: ["failed"], offers: [] },
    { kind: "question", states: ["open"], offers: ["answer"] },
    { kind: "question", states: ["answered"], offers: [] },
    { kind: "review", states: ["worker.present"], offers: ["review"] },
    { kind: "review", states: ["worker.over"], offers: [] },
    { kind: "workspace", states: ["ready"], offers: [] },
  ] satisfies { kind: KindName; states: string[]; offers: Offer[] }[])(
    "with a $kind in $states is: $offers (O1)",
    ({ kind, states, offers }) => {
      expect(offersOf({ kind, states, isQuarantined: false })).toEqual(offers);
    },
  );

  it("with one in quarantine is to release it, too", () => {
    expect(offersOf({ kind: "question", states: ["open"], isQuarantined: true })).toEqual([
      "answer",
      "release",
    ]);
  });
});
