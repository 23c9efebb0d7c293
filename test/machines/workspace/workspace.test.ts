import { describe, expect, it } from "vitest";
import { workspace } from "../../../machines/workspace/workspace.ts";
import { machineUnderTest, namesOf, type Told } from "../../support/step.ts";
import { done, failed, startWorkspace, stopChild } from "../samples.ts";

interface Row {
  readonly title: string;
  readonly was: readonly Told[];
  readonly told: Told;
  readonly state: string;
  readonly orders: readonly string[];
}

const prepared = done("prepareWorkspace", {
  path: "/srv/tree",
  branch: "ao/mer-1",
  headSha: "aaa",
  baseSha: "aaa",
  adopted: false,
});
const removed = done("reclaimWorkspace", { removed: true });
const kept = (reason: string): Told =>
  done("reclaimWorkspace", { removed: false, reason, detail: "one file" });
const seen = (dirty: boolean): Told => ({
  type: "workspace.seen",
  data: { dirty, unpushed: 0, headSha: "aaa", branch: "ao/mer-1" },
});
const ready = [startWorkspace(1), prepared];
const PREPARE = "effect:prepareWorkspace";
const RECLAIM = "effect:reclaimWorkspace";

describe("workspace", () => {
  it.each([
    {
      title: "asks git for the worktree",
      was: [],
      told: startWorkspace(1),
      state: "preparing",
      orders: [PREPARE],
    },
    {
      title: "ignores a start of the same epoch",
      was: [startWorkspace(1)],
      told: startWorkspace(1),
      state: "preparing",
      orders: [],
    },
    {
      title: "tells where the worktree is",
      was: [startWorkspace(1)],
      told: prepared,
      state: "ready",
      orders: ["mail:child.started"],
    },
    {
      title: "tells that git could not",
      was: [startWorkspace(1)],
      told: failed("prepareWorkspace"),
      state: "failed",
      orders: ["mail:child.exited"],
    },
    {
      title: "does not wait for git when it is stopped (W1)",
      was: [startWorkspace(1)],
      told: stopChild(1),
      state: "reclaiming",
      orders: [RECLAIM],
    },
    {
      title: "notes where the worktree is that was whole before git could be ended (W1)",
      was: [startWorkspace(1), stopChild(1), prepared],
      told: kept("dirty"),
      state: "dirty",
      orders: ["mail:child.stopped"],
    },
    {
      title: "hears nothing in that git was ended (W1)",
      was: [startWorkspace(1), stopChild(1)],
      told: failed("prepareWorkspace"),
      state: "reclaiming",
      orders: [],
    },
    {
      title: "is archived when what came of it is gone (W1)",
      was: [startWorkspace(1), stopChild(1), failed("prepareWorkspace")],
      told: removed,
      state: "archived",
      orders: ["mail:child.stopped"],
    },
    {
      title: "answers a stop when git could not even clear it (W3)",
      was: [startWorkspace(1), stopChild(1)],
      told: failed("reclaimWorkspace"),
      state: "failed",
      orders: ["mail:child.stopped"],
    },
    {
      title: "answers a stop of a failed one (W3)",
      was: [startWorkspace(1), failed("prepareWorkspace")],
      told: stopChild(1),
      state: "failed",
      orders: ["mail:child.stopped"],
    },
    {
      title: "shows that work is not committed",
      was: ready,
      told: seen(true),
      state: "dirty",
      orders: [],
    },
    {
      title: "shows that work was committed",
      was: [...ready, seen(true)],
      told: seen(false),
      state: "ready",
      orders: [],
    },
    {
      title: "asks git to remove it",
      was: ready,
      told: stopChild(1),
      state: "reclaiming",
      orders: [RECLAIM],
    },
    {
      title: "asks git also when it is dirty: git decides",
      was: [...ready, seen(true)],
      told: stopChild(1),
      state: "reclaiming",
      orders: [RECLAIM],
    },
    {
      title: "is archived when git removed it",
      was: [...ready, stopChild(1)],
      told: removed,
      state: "archived",
      orders: ["mail:child.stopped"],
    },
    {
      title: "keeps dirty work (W2)",
      was: [...ready, stopChild(1)],
      told: kept("dirty"),
      state: "dirty",
      orders: ["mail:child.stopped"],
    },
    {
      title: "keeps unpushed work (W2)",
      was: [...ready, stopChild(1)],
      told: kept("unpushed"),
      state: "ready",
      orders: ["mail:child.stopped"],
    },
    {
      title: "keeps what git failed to remove (W2)",
      was: [...ready, stopChild(1)],
      told: failed("reclaimWorkspace"),
      state: "ready",
      orders: ["mail:child.stopped"],
    },
    {
      title: "can be asked again to go",
      was: [...ready, stopChild(1), kept("dirty")],
      told: stopChild(1),
      state: "reclaiming",
      orders: [RECLAIM],
    },
    {
      title: "answers a stop of what is gone (W3)",
      was: [...ready, stopChild(1), removed],
      told: stopChild(1),
      state: "archived",
      orders: ["mail:child.stopped"],
    },
    {
      title: "is made again for a newer epoch",
      was: [...ready, stopChild(1), removed],
      told: startWorkspace(2),
      state: "preparing",
      orders: [PREPARE],
    },
    {
      title: "tries again for a newer epoch after a failure",
      was: [startWorkspace(1), failed("prepareWorkspace")],
      told: startWorkspace(2),
      state: "preparing",
      orders: [PREPARE],
    },
    {
      title: "finishes the removal before it is made again",
      was: [...ready, stopChild(1)],
      told: startWorkspace(2),
      state: "reclaiming",
      orders: [],
    },
    {
      title: "is made again once the older one is gone",
      was: [...ready, stopChild(1), startWorkspace(2)],
      told: removed,
      state: "preparing",
      orders: ["mail:child.stopped", PREPARE],
    },
    {
      title: "answers a stop before a newer epoch is begun (W3)",
      was: [startWorkspace(1), stopChild(1), startWorkspace(2)],
      told: removed,
      state: "preparing",
      orders: ["mail:child.stopped", PREPARE],
    },
    {
      title: "ignores an answer of an older epoch",
      was: [startWorkspace(1), failed("prepareWorkspace"), startWorkspace(2)],
      told: { ...prepared, epoch: 1 },
      state: "preparing",
      orders: [],
    },
  ] satisfies Row[])("$title", ({ was, told, state, orders }) => {
    const machine = machineUnderTest(workspace);
    machine.all(...was);
    const step = machine.send(told);
    expect([step.value, namesOf(step.orders)]).toEqual([state, orders]);
  });

  it("tells why it was kept", () => {
    const machine = machineUnderTest(workspace);
    const { orders } = machine.all(...ready, stopChild(1), kept("unpushed"));
    expect(orders).toMatchObject([
      { data: { epoch: 1, removed: false, reason: "unpushed", detail: "one file" } },
    ]);
  });

  it("says that it was kept although a newer epoch waits for it (W2)", () => {
    const machine = machineUnderTest(workspace);
    const { orders } = machine.all(...ready, stopChild(1), startWorkspace(2), kept("dirty"));
    expect(orders[0]).toMatchObject({ data: { epoch: 1, removed: false, reason: "dirty" } });
  });

  it("tells that it is gone", () => {
    const { orders } = machineUnderTest(workspace).all(...ready, stopChild(1), removed);
    expect(orders).toMatchObject([{ data: { epoch: 1, removed: true } }]);
  });

  it("changes nothing when nothing new is seen", () => {
    const machine = machineUnderTest(workspace);
    machine.all(...ready);
    expect(machine.send(seen(false)).isUnchanged).toBe(true);
  });
});
