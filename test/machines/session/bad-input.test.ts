import { describe, expect, it } from "vitest";
import { accepts } from "../../../machines/session/protocol.ts";
import type { Told } from "../../support/step.ts";
import { pullRequest, scm } from "../samples.ts";
import { after, failing, kill, live, probe, says, send } from "./samples.ts";

const HOUR = 3_600_000;

describe("an odd observation", () => {
  it.each([
    {
      title: "of a state that nobody knows",
      type: "activity.observed",
      data: { state: "dreaming" },
    },
    {
      title: "with evidence that is too long",
      type: "runtime.observed",
      data: { runtime: "alive", process: "alive", evidence: "x".repeat(2_001) },
    },
    { title: "without its process", type: "runtime.observed", data: { runtime: "alive" } },
    {
      title: "of ten thousand pull requests",
      type: "scm.observed",
      data: { fetched: true, prs: Array.from({ length: 10_000 }, () => pullRequest()) },
    },
    {
      title: "of a pull request without a number",
      type: "scm.observed",
      data: { fetched: true, prs: [pullRequest({ number: 0 })] },
    },
    {
      title: "of an epoch below zero",
      type: "activity.observed",
      data: { state: "idle", epoch: -1 },
    },
  ] as const)("$title is refused before the session sees it", ({ type, data }) => {
    expect(accepts[type].safeParse(data).success).toBe(false);
  });

  it("of fifty pull requests, each of them failing, is told in as many texts, and no more than fit", () => {
    const prs = Array.from({ length: 50 }, (_, n) => ({
      ...failing(),
      number: n + 1,
      url: `ao://mer/pull/${n + 1}`,
      headRef: `b${n}`,
    }));
    const { context } = after(...live).send(scm(...prs));
    expect(context.messages.length).toBe(50);
    expect(after(...live, scm(...prs)).send(scm(...prs)).isUnchanged).toBe(true);
  });
});

describe("an odd time", () => {
  it.each([
    { title: "a probe", told: { ...probe("dead", "dead"), at: 1 } },
    { title: "a signal", told: { ...says("blocked"), at: 1 } },
    { title: "a forge", told: { ...scm(pullRequest({ state: "merged" })), at: 1 } },
  ] satisfies { title: string; told: Told }[])(
    "of $title that is older than what is known comes too late",
    ({ told }) => {
      const known = [
        { ...probe("alive", "dead"), at: HOUR },
        { ...says("active"), at: HOUR },
        { ...scm(pullRequest()), at: HOUR },
      ];
      expect(after(...live, ...known).send(told).isUnchanged).toBe(true);
    },
  );

  it("does not keep a kill from ending it when the clock went back an hour", () => {
    const step = after(...live, { ...says("active"), at: 2 * HOUR }).send({ ...kill(), at: HOUR });
    expect(step.value).toMatchObject({ lifecycle: "terminated" });
  });

  it("does not keep a text from being typed when the clock went back an hour", () => {
    const machine = after(...live, { ...says("active"), at: 2 * HOUR });
    expect(machine.send({ ...send(), at: HOUR }).orders).toContainEqual(
      expect.objectContaining({ name: "terminal.deliver" }),
    );
  });

  it("does not make a death out of a clock that went forward", () => {
    const machine = after(...live, { ...says("active"), at: 1_000 });
    machine.send({ ...probe("failed", "failed"), at: 30 * HOUR });
    expect(machine.now.value).toMatchObject({ lifecycle: "detecting" });
  });
});

describe("odd words", () => {
  it("are typed without what a terminal would obey; tabs and new lines stay", () => {
    const { orders } = after(...live).send(send("a\u001B[2Jb\u0000\tc\nd\u0007"));
    const texts = orders.flatMap((order) => (order.type === "mail" ? [order.data["text"]] : []));
    expect(texts).toEqual(["a[2Jb\tc\nd"]);
  });

  it.each(["\u001B", " \n\t", "\u0000\u0007"])("that come to nothing are refused: %j", (text) => {
    expect(after(...live).send(send(text)).orders).toMatchObject([
      { type: "refuse", code: "SHAPE_WRONG" },
    ]);
  });
});
