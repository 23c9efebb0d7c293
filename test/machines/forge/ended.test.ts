import { describe, expect, it } from "vitest";
import { forge } from "../../../machines/forge/forge.ts";
import type { ForgeContext } from "../../../machines/forge/jobs.ts";
import type { Pull } from "../../../machines/forge/pulls.ts";
import { machineUnderTest, type MachineUnderTest, type Told } from "../../support/step.ts";
import { done } from "../samples.ts";

// G5 of pulls.ts: what is kept of a pull request that ended, whoever keeps it.

const LONG = "x".repeat(65_536);
const failing = { state: "failing", failing: [{ name: "test", logTail: LONG.slice(0, 16_384) }] };
const comments = Array.from({ length: 30 }, (_, n) => ({
  id: `c${n}`,
  author: "rita",
  isBot: false,
  body: LONG,
  resolved: false,
}));
const opening = { projectId: "mer", root: "/srv/repo", defaultBranch: "main" };
const facts = { number: 1, headSha: "h1", baseSha: "b1", mergeable: true, contained: false };
const told = { type: "pull.open", data: { title: "Mend it", headRef: "topic", body: LONG } };

/** With one pull request that has many words. */
function local(): MachineUnderTest<ForgeContext> {
  const machine = machineUnderTest<ForgeContext>(forge, "mer");
  machine.all(
    { type: "forge.open", data: { ...opening, checks: [{ name: "test", command: "true" }] } },
    told,
    done("inspectBranches", { pulls: [facts] }),
    ...comments.map(({ body }): Told => ({ type: "pull.comment", data: { number: 1, body } })),
  );
  return machine;
}

function seen(state: string): Told {
  const pull = {
    url: "https://github.com/acme/app/pull/1",
    number: 1,
    title: "Mend it",
    state,
    headSha: "h1",
    headRef: "topic",
    baseRef: "main",
    ci: failing,
    reviewDecision: "none",
    comments,
    mergeable: true,
    updatedAt: 5,
    author: "rita",
    mergeSha: null,
  };
  return { type: "pulls.observed", data: { fetched: true, pulls: [pull] } };
}

function github(): MachineUnderTest<ForgeContext> {
  const machine = machineUnderTest<ForgeContext>(forge, "mer");
  machine.all({ type: "forge.open", data: { ...opening, github: "acme/app" } }, seen("open"));
  return machine;
}

function pullOf(machine: MachineUnderTest<ForgeContext>): Pull | undefined {
  return machine.now.context.pulls[1];
}

describe("a pull request that ended", () => {
  it.each([
    {
      title: "was closed here",
      of: local,
      end: { type: "pull.close", data: { number: 1 } },
      last: "1-30",
    },
    {
      title: "was merged by somebody",
      of: local,
      end: done("inspectBranches", { pulls: [{ ...facts, contained: true, baseSha: "h1" }] }),
      last: "1-30",
    },
    { title: "was closed at GitHub", of: github, end: seen("closed"), last: "c29" },
    { title: "was merged at GitHub", of: github, end: seen("merged"), last: "c29" },
  ] satisfies {
    title: string;
    of: () => MachineUnderTest<ForgeContext>;
    end: Told;
    last: string;
  }[])("keeps little of its words: one that $title (G5)", ({ of, end, last }) => {
    const machine = of();
    expect(pullOf(machine)?.comments).toHaveLength(30);
    machine.send({ type: "refs.observed", data: { heads: { topic: "h1", main: "h1" } } });
    machine.send(end);
    const pull = pullOf(machine);
    expect(pull?.state).not.toBe("open");
    expect(pull?.comments).toHaveLength(10);
    expect(pull?.comments.at(-1)).toMatchObject({ id: last, body: "x".repeat(500) });
    expect(JSON.stringify(pull).length).toBeLessThan(10_000);
  });

  it("takes no more comments, since nobody would hear them", () => {
    const machine = local();
    machine.send({ type: "pull.close", data: { number: 1 } });
    const comment = { type: "pull.comment", data: { number: 1, body: "Revert it" } };
    expect(machine.send(comment).orders).toMatchObject([
      { type: "refuse", code: "PULL_REQUEST_ENDED" },
    ]);
  });

  it("of an older store is cut short when it is read, and no live one (G5, R9)", () => {
    const { value, context } = local().now;
    const live = context.pulls[1];
    if (live === undefined) throw new Error("there is no pull request");
    const ended: Pull = { ...live, number: 2, state: "closed" };
    const pulls = { 1: live, 2: ended };
    const read = forge.migrations?.[4]?.({
      status: "active",
      value,
      context: { ...context, pulls },
    });
    const cut = { body: "x".repeat(500), comments: { length: 10 }, ci: { state: live.ci.state } };
    expect(read).toMatchObject({ value, context: { pulls: { 1: live, 2: cut } } });
  });
});
