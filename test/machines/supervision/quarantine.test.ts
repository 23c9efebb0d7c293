import type { AnyStateNode } from "xstate";
import { expect, it } from "vitest";
import { splitAddress } from "../../../machines/ids.ts";
import { kinds } from "../../../machines/kinds.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest } from "../../support/step.ts";

const all = kinds(Settings.parse({}));

/** Of every kind with a parent the records that name one. */
const RECORDS: Readonly<Record<string, readonly object[]>> = {
  session: [{ objectiveId: "mer-o1" }],
  terminal: [{ parent: "session/mer-1" }, { parent: "review/mer-1" }],
  workspace: [{ parent: "session/mer-1" }],
  review: [{ id: "mer-1" }],
  question: [{ objectiveId: "mer-o1" }],
};

function leavesOf(node: AnyStateNode): AnyStateNode[] {
  const below = Object.values(node.states);
  return below.length === 0 ? [node] : below.flatMap(leavesOf);
}

function hears(node: AnyStateNode | undefined, type: string): boolean {
  if (node === undefined) return false;
  return node.ownEvents.includes(type) || hears(node.parent, type);
}

it("names a parent for every kind that has one, and for no other", () => {
  const parented = [...all.values()].filter(({ parentOf }) => parentOf !== undefined);
  expect(parented.map(({ name }) => name).toSorted()).toEqual(Object.keys(RECORDS).toSorted());
});

it.each(
  Object.entries(RECORDS).flatMap(([name, records]) => records.map((record) => ({ name, record }))),
)("$name: its parent hears of its quarantine in every state (R8)", ({ name, record }) => {
  const parentOf = [...all.values()].find((kind) => kind.name === name)?.parentOf;
  const address = parentOf?.({ status: "active", value: {}, context: record });
  const parent = address === undefined ? undefined : all.get(splitAddress(address).kind);
  expect(parent?.accepts["child.quarantined"]).toBeDefined();
  const regions =
    parent?.machine.root.type === "parallel"
      ? Object.values(parent.machine.root.states)
      : [parent?.machine.root];
  const deaf = regions.map((region) =>
    (region === undefined ? [] : leavesOf(region))
      .filter((leaf) => !hears(leaf, "child.quarantined"))
      .map(({ id }) => id),
  );
  // Of side by side regions one is enough, if it hears in each of its states.
  expect(deaf.some((ids) => ids.length === 0)).toBe(true);
});

it("a session of no objective has no parent: only a person is told", () => {
  expect(
    all.get("session")?.parentOf?.({ status: "active", value: {}, context: {} }),
  ).toBeUndefined();
});

it.each([
  {
    told: "root.threw",
    notice: {
      type: "actor-threw",
      priority: "warning",
      title: "A message broke a step of forge/mer, which takes others",
      text: "It was cmd:x. Mail, results, timers and what actors observed come again by themselves, nothing else does. See: ao dead ls; report it, it is a bug of ao",
    },
  },
  {
    told: "root.quarantined",
    notice: {
      type: "actor-quarantined",
      priority: "urgent",
      title: "forge/mer takes no messages any more",
    },
  },
])("the root tells a person of every actor that broke: $told (K5)", ({ told, notice }) => {
  const kind = all.get("supervisor");
  if (kind === undefined) throw new Error("there is no root");
  const root = machineUnderTest(kind, "root");
  const data = { strikes: 3, seq: 7, thrower: "cmd:x", projectId: "mer" };
  const { orders } = root.send({ type: told, from: "forge/mer", data });
  expect(orders).toMatchObject([
    {
      type: "effect",
      name: "notifyPerson",
      data: { noticeId: "forge-mer-n7", about: "forge/mer", ...notice },
    },
  ]);
});
