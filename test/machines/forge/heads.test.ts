import { expect, it } from "vitest";
import { forge } from "../../../machines/forge/forge.ts";
import type { ForgeContext } from "../../../machines/forge/jobs.ts";
import { machineUnderTest, namesOf } from "../../support/step.ts";
import { done } from "../samples.ts";

const facts = { number: 1, headSha: "h1", baseSha: "b1", mergeable: true, contained: false };
const seen = done("inspectBranches", { pulls: [facts] });

it.each([
  { title: "that moved", heads: { "ao/mer-1": "f".repeat(40), main: "e".repeat(40) } },
  { title: "that is gone", heads: { "ao/mer-1": null, main: null } },
])("a forge asks git of a head $title, and believes nobody else (F8)", ({ heads }) => {
  const machine = machineUnderTest<ForgeContext>(forge, "mer");
  const data = { projectId: "mer", root: "/srv/repo", defaultBranch: "main", checks: [] };
  machine.all(
    { type: "forge.open", from: "project/mer", data },
    { type: "pull.open", data: { title: "Mend it", headRef: "ao/mer-1", session: "mer-1" } },
    seen,
  );
  const before = machine.now.context.pulls;
  expect(before[1]?.headSha).toBe("h1");
  const { orders } = machine.send({ type: "refs.observed", data: { heads } });
  expect(namesOf(orders)).toEqual(["effect:inspectBranches"]);
  expect(machine.now.context.pulls).toEqual(before);
  expect(machine.send(seen).orders).toEqual([]);
  expect(machine.now.context.pulls).toEqual(before);
});
