import { describe, expect, it } from "vitest";
import type { SessionContext } from "../../../machines/session/record.ts";
import { sessionKind } from "../../../machines/session/session.ts";
import { Settings } from "../../../machines/settings.ts";
import { machineUnderTest, type MachineUnderTest, type Told } from "../../support/step.ts";
import {
  pullRequest,
  scm,
  startSession,
  terminalExited,
  terminalStarted,
  workspaceStarted,
} from "../samples.ts";
import { after, failing, kill, live, says, send } from "./samples.ts";

const MINUTE = 60_000;
const comment = { id: "1", author: "ann", body: "why?", isBot: false, resolved: false };
const bot = { ...comment, id: "b1", author: "bugbot", isBot: true };
const green = { mergeable: true, reviewDecision: "approved", ci: { state: "passing" } };
const pending = scm(pullRequest({ ci: { state: "pending" } }));
const refused = scm(pullRequest({ reviewDecision: "changes_requested" }));
const tick = (at: number): Told => ({ type: "session.tick", at });

type Machine = MachineUnderTest<SessionContext>;

/** What was typed to the agent; every text is delivered at once. */
function sentTo(machine: Machine, ...told: Told[]): string[] {
  return told.flatMap((each) => {
    const texts = handed(machine.send(each).orders);
    return texts.flatMap(({ deliveryId, text }) => [
      text,
      ...handed(machine.send({ type: "terminal.delivered", data: { deliveryId } }).orders).map(
        (next) => next.text,
      ),
    ]);
  });
}

function handed(orders: readonly unknown[]): { deliveryId: string; text: string }[] {
  return orders.flatMap((order) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looks for the mail it names
    const { name, data } = order as { name?: string; data: { deliveryId: string; text: string } };
    return name === "terminal.deliver" ? [data] : [];
  });
}

/** The reactions about which people were asked. */
function askedOf(machine: Machine): string[] {
  return machine.now.context.notices
    .filter(({ type, resolvedAt }) => type === "escalated" && resolvedAt === undefined)
    .map(({ about }) => about.split(" ")[0] ?? "");
}

describe("an agent", () => {
  it.each([
    {
      title: "is told that checks fail, with the end of the log",
      pr: failing(),
      says: [/CI is failing/, /Failed: test/, /Log tail \(last 1 line\):\n\n```\nboom\n```/],
    },
    {
      title: "is told of a comment of a person",
      pr: pullRequest({ comments: [{ ...comment, path: "a.ts", line: 3 }] }),
      says: [/1 unresolved review comment/, /a\.ts:3 \(@ann\):\n```\nwhy\?\n```/],
    },
    {
      title: "is told of a comment of a bot, as one",
      pr: pullRequest({ comments: [bot] }),
      says: [/automated reviewer/, /@bugbot/],
    },
    {
      title: "is told that changes are requested, though nobody commented",
      pr: pullRequest({ reviewDecision: "changes_requested" }),
      says: [/requested changes/],
    },
    {
      title: "is told of a conflict",
      pr: pullRequest({ mergeable: false }),
      says: [/merge conflicts. Rebase onto main/],
    },
  ])("$title", ({ pr, says: texts }) => {
    const [text = "", ...more] = sentTo(after(...live), scm(pr));
    expect(more).toEqual([]);
    expect(text).toMatch(/^Pull request #1 "Mend it" \(ao\/mer-1 → main at aaa\)/);
    expect(texts.filter((each) => !each.test(text))).toEqual([]);
  });

  it("is told of checks, people, bots and conflicts apart, most pressing first", () => {
    const pr = { ...failing(), comments: [bot, comment], mergeable: false };
    const machine = after(...live);
    machine.send(scm(pr));
    const texts = machine.now.context.messages.map(({ text }) => text);
    expect(texts.map((text) => /CI|A reviewer|automated|conflicts/.exec(text)?.[0])).toEqual([
      "CI",
      "A reviewer",
      "automated",
      "conflicts",
    ]);
  });

  const two = { number: 2, url: "ao://mer/pull/2", headRef: "two", baseRef: "ao/mer-1" };
  it.each([
    { title: "the same comments", next: pullRequest({ comments: [comment] }), told: 1 },
    {
      title: "a comment that was edited",
      next: pullRequest({ comments: [{ ...comment, body: "why not?" }] }),
      told: 1,
    },
    {
      title: "one more comment",
      next: pullRequest({ comments: [comment, { ...comment, id: "2" }] }),
      told: 2,
    },
    {
      title: "a resolved comment",
      next: pullRequest({ comments: [{ ...comment, resolved: true }] }),
      told: 1,
    },
    {
      title: "the same comment, answered",
      next: pullRequest({ comments: [{ ...comment, isAnswered: true }] }),
      told: 1,
    },
    {
      title: "another comment, answered already",
      next: pullRequest({ comments: [comment, { ...comment, id: "2", isAnswered: true }] }),
      told: 2,
    },
  ])("is told $told times in all after $title", ({ next, told }) => {
    const machine = after(...live);
    const texts = sentTo(machine, scm(pullRequest({ comments: [comment] })), scm(next));
    expect(texts.length).toBe(told);
  });

  it.each([
    {
      title: "the one below conflicts as well",
      below: { mergeable: false },
      above: { mergeable: false },
      told: ["#1"],
    },
    { title: "only the one above conflicts", below: {}, above: { mergeable: false }, told: [] },
    {
      title: "checks of both fail",
      below: { ci: { state: "failing" } },
      above: { ci: { state: "failing" } },
      told: ["#1"],
    },
    {
      title: "only those of the one above fail",
      below: {},
      above: { ci: { state: "failing" } },
      told: ["#2"],
    },
  ])("hears of a stack from its bottom: $title", ({ below, above, told }) => {
    const machine = after(...live);
    const texts = sentTo(machine, scm(pullRequest(below), pullRequest({ ...two, ...above })));
    expect(texts.map((text) => /#\d/.exec(text)?.[0])).toEqual(told);
  });

  it("is told nothing of a draft but its checks", () => {
    const machine = after(...live);
    const draft = { state: "draft", comments: [comment], mergeable: false };
    expect(sentTo(machine, scm(pullRequest(draft)))).toEqual([]);
    expect(sentTo(machine, scm({ ...failing(), ...draft })).length).toBe(1);
  });

  it("is told nothing that has passed before its turn, and its budget stays (X-1, B1)", () => {
    const machine = after(...live, says("blocked"), scm(failing()), pending);
    expect(machine.send(says("active")).orders.filter(({ type }) => type === "mail")).toEqual([]);
    expect(Object.values(machine.now.context.trackers)).toMatchObject([{ attempts: 0 }]);
  });

  it("is told the present failure, not the one before it, when its turn comes (X-1)", () => {
    const machine = after(...live, says("blocked"), scm(failing("aaa")), scm(failing("bbb")));
    expect(sentTo(machine, says("active"))).toMatchObject([/at bbb/]);
  });

  it("is told nothing when its session was killed (X-3)", () => {
    const machine = after(...live, says("blocked"), scm(failing()), kill());
    expect(sentTo(machine, scm(failing("bbb")))).toEqual([]);
    expect(machine.now.context.trackers).toEqual({});
  });
});

describe("a budget", () => {
  const swing = [scm(failing()), pending];
  it("of failing checks is shared by all their swings, then a person is asked (B2)", () => {
    const machine = after(...live);
    const sends = [swing, swing, swing, swing].map((each) => sentTo(machine, ...each).length);
    expect(sends).toEqual([1, 1, 0, 0]);
    expect(askedOf(machine)).toEqual(["ci-failed"]);
  });

  it("is not given anew by a restart (X-2)", () => {
    const machine = after(...live);
    sentTo(machine, ...swing, ...swing);
    machine.restart();
    expect(sentTo(machine, ...swing)).toEqual([]);
    expect(askedOf(machine)).toEqual(["ci-failed"]);
  });

  it.each([
    { title: "is approved", told: scm(pullRequest(green)) },
    { title: "is closed", told: scm(pullRequest({ state: "closed" })) },
    { title: "is merged", told: scm(pullRequest({ state: "merged" })) },
  ])("is new once the pull request $title, and nobody is asked any more", ({ told }) => {
    const machine = after(...live);
    sentTo(machine, ...swing, ...swing, ...swing);
    machine.send(told);
    expect(machine.now.context.trackers).toEqual({});
    expect(askedOf(machine)).toEqual([]);
    expect(sentTo(machine, scm(failing())).length).toBe(1);
  });

  it("is not burnt by texts that were not typed (B1)", () => {
    const machine = after(...live);
    for (let round = 0; round < 5; round += 1) {
      const [text] = handed(machine.send(scm(failing())).orders);
      const data = { deliveryId: text?.deliveryId, reason: "refused", detail: "" };
      machine.send({ type: "terminal.undeliverable", data });
      machine.send(pending);
    }
    expect(machine.now.context.messages.length).toBe(5);
    expect(askedOf(machine)).toEqual([]);
  });

  it("of one pull request is not that of another", () => {
    const other = { number: 2, url: "ao://mer/pull/2", headRef: "two" };
    const machine = after(...live);
    sentTo(machine, ...swing, ...swing, ...swing);
    expect(sentTo(machine, scm(failing(), { ...failing(), ...other })).length).toBe(1);
  });
});

describe("time", () => {
  it.each([
    { title: "just before the end of a review's half hour", at: 30 * MINUTE - 1, asked: [] },
    { title: "at its very end (B3)", at: 30 * MINUTE, asked: ["changes-requested"] },
  ])("is looked at by the tick: $title (B3)", ({ at, asked }) => {
    const machine = after(...live, { ...refused, at: 0 });
    machine.send(tick(at));
    expect(askedOf(machine)).toEqual(asked);
  });

  it("is kept by a timer as well, which is armed once and goes with its cause", () => {
    const machine = after(...live);
    const arm = { type: "arm", name: "escalation", dueAt: 5 + 15 * MINUTE };
    const conflict = pullRequest({ mergeable: false });
    expect(machine.send({ ...scm(conflict), at: 5 }).orders).toContainEqual(arm);
    expect(machine.send({ ...scm(conflict), at: 6 }).orders).toEqual([]);
    expect(machine.send({ ...scm(pullRequest()), at: 7 }).orders).toContainEqual({
      type: "cancel",
      name: "escalation",
    });
  });

  it("escalates by its timer, once", () => {
    const machine = after(...live, { ...refused, at: 5 });
    machine.send({ type: "timer.escalation", at: 5 + 30 * MINUTE });
    expect(askedOf(machine)).toEqual(["changes-requested"]);
    expect(machine.send({ type: "timer.escalation", at: 90 * MINUTE }).isUnchanged).toBe(true);
    expect(machine.send(tick(91 * MINUTE)).isUnchanged).toBe(true);
  });

  it("begins anew when its cause has gone", () => {
    const machine = after(...live, { ...refused, at: 5 }, { ...pending, at: 6 });
    machine.send({ ...refused, at: 29 * MINUTE });
    machine.send(tick(31 * MINUTE));
    expect(askedOf(machine)).toEqual([]);
  });

  it("is not waited for where a comment was answered, and what comes after it is heard (B5)", () => {
    const machine = after(...live);
    const told = (at: number, ...comments: object[]): string[] =>
      sentTo(machine, { ...scm(pullRequest({ comments })), at });
    const [first, second, third] = ["1", "2", "3"].map((id) => ({ ...comment, id }));
    const answered = { isAnswered: true };
    expect(told(5, first ?? {}).length).toBe(1);
    expect(told(6, { ...first, ...answered })).toEqual([]);
    machine.send(tick(31 * MINUTE));
    expect(askedOf(machine)).toEqual([]);
    expect(told(40 * MINUTE, { ...first, ...answered }, second ?? {}).length).toBe(1);
    machine.send(tick(70 * MINUTE));
    expect(askedOf(machine)).toEqual(["changes-requested"]);
    expect(told(71 * MINUTE, { ...first, ...answered }, { ...second, ...answered })).toEqual([]);
    expect(askedOf(machine)).toEqual([]);
    expect(told(72 * MINUTE, { ...second, ...answered }, third ?? {}).length).toBe(1);
  });

  it("is not waited for where a comment came answered (B5)", () => {
    const answered = scm(pullRequest({ comments: [{ ...comment, isAnswered: true }] }));
    const machine = after(...live, { ...answered, at: 5 }, tick(31 * MINUTE));
    expect(askedOf(machine)).toEqual([]);
  });

  it("changes nothing of the record by itself", () => {
    const machine = after(...live, { ...refused, at: 5 });
    const { revision } = machine.now.context;
    expect(machine.send(tick(31 * MINUTE)).context.revision).toBe(revision);
  });
});

describe("rest", () => {
  const due = { type: "timer.escalation", at: 11 * MINUTE };
  const idle = { ...says("idle"), at: 1_000 };

  it("of a worker is spoken to after a while, once", () => {
    const machine = after(...live);
    expect(machine.send(idle).orders).toContainEqual({
      type: "arm",
      name: "escalation",
      dueAt: 601_000,
    });
    expect(sentTo(machine, due)).toMatchObject([/You appear idle/]);
    expect(sentTo(machine, { ...due, at: 12 * MINUTE })).toEqual([]);
  });

  it.each([
    { title: "of a manager", was: [startSession({ kind: "manager" }), ...live.slice(1)] },
    {
      title: "of a member of an objective",
      was: [startSession({ objectiveId: "o1" }), ...live.slice(1)],
    },
    { title: "with a pull request", was: [...live, scm(pullRequest())] },
    { title: "after an exit", was: [...live, terminalExited(1)] },
    { title: "after a report", was: [...live, { type: "session.report", data: { summary: "s" } }] },
  ] satisfies { title: string; was: Told[] }[])("$title is left alone", ({ was }) => {
    const machine = after(...was, idle);
    expect(sentTo(machine, due)).toEqual([]);
  });

  /** A rest that is spoken to, and the turn after it. */
  const round = (machine: Machine, n: number, turn: Record<string, unknown> = {}): string[] =>
    sentTo(
      machine,
      { ...says("idle"), at: n * 20 * MINUTE },
      { ...due, at: n * 20 * MINUTE + 10 * MINUTE },
      { ...says("active", turn), at: n * 20 * MINUTE + 11 * MINUTE },
      { ...says("active", { event: "pre-tool-use" }), at: n * 20 * MINUTE + 12 * MINUTE },
    );
  const answer = { event: "user-prompt-submit" };

  const hooked = [startSession({ harness: "claude-code" }), workspaceStarted, terminalStarted(1)];

  describe.each([
    { title: "a hook says what a turn begins with", was: hooked, turn: answer },
    { title: "no hook does", was: live, turn: {} },
  ])("where $title", ({ was, turn }) => {
    it("that is only answered for is told to a person, until somebody speaks to the agent (B4)", () => {
      const machine = after(...was);
      const texts = [1, 2, 3, 4].map((n) => round(machine, n, turn).length);
      expect(texts).toEqual([1, 1, 0, 0]);
      expect(askedOf(machine)).toEqual(["agent-idle"]);
      sentTo(
        machine,
        { ...send(), at: 170 * MINUTE },
        { ...says("active", turn), at: 171 * MINUTE },
      );
      expect(askedOf(machine)).toEqual([]);
      expect(round(machine, 9, turn).length).toBe(1);
    });

    it("is another one once the agent ended one of its own accord (B2)", () => {
      const machine = after(...was);
      const texts = [1, 3, 5, 7].map((n) => {
        const told = round(machine, n, turn).length;
        const at = n * 20 * MINUTE + 13 * MINUTE;
        sentTo(machine, { ...says("idle"), at });
        sentTo(machine, { ...says("active", { event: "pre-tool-use" }), at: at + MINUTE });
        return told;
      });
      expect(texts).toEqual([1, 1, 1, 1]);
      expect(askedOf(machine)).toEqual([]);
    });
  });

  it("is spoken to in the same step when it is set so", () => {
    const kind = sessionKind(Settings.parse({ reactions: { idleAfterMs: 0 } }));
    const machine = machineUnderTest<SessionContext>(kind);
    machine.all(...live);
    expect(sentTo(machine, says("ready"))).toMatchObject([/idle/]);
  });
});

/** The merges that a message led to. */
function mergesOf(machine: Machine, told: Told): unknown[] {
  return machine
    .send(told)
    .orders.filter((order) => order.type === "mail" && order.name === "pull.merge");
}

describe("a merge", () => {
  const asked = [startSession({ mergeOnGreen: true }), ...live.slice(1)];
  const ready = scm(pullRequest(green));

  it("is ordered of a forge once for each head that is ready (X-4)", () => {
    const machine = after(...asked);
    expect(mergesOf(machine, ready)).toEqual([
      { type: "mail", to: "forge/mer", name: "pull.merge", data: { number: 1, headSha: "aaa" } },
    ]);
    expect(mergesOf(machine, ready)).toEqual([]);
    machine.restart();
    expect(mergesOf(machine, ready)).toEqual([]);
    expect(mergesOf(machine, scm(pullRequest({ ...green, headSha: "bbb" })))).toMatchObject([
      { data: { headSha: "bbb" } },
    ]);
  });

  it("with an answered comment is ordered", () => {
    const answered = [
      { ...comment, isAnswered: true },
      { ...bot, isAnswered: true },
    ];
    expect(
      mergesOf(after(...asked), scm(pullRequest({ ...green, comments: answered }))),
    ).toHaveLength(1);
  });

  it.each([
    { title: "that nobody asked for", was: live, pr: pullRequest(green) },
    {
      title: "of checks that still run",
      was: asked,
      pr: pullRequest({ ...green, ci: { state: "pending" } }),
    },
    { title: "of a draft", was: asked, pr: pullRequest({ ...green, state: "draft" }) },
    {
      title: "with an open comment",
      was: asked,
      pr: pullRequest({ ...green, comments: [comment] }),
    },
    {
      title: "without an answer about conflicts",
      was: asked,
      pr: pullRequest({ ...green, mergeable: null }),
    },
    { title: "of a session that was killed", was: [...asked, kill()], pr: pullRequest(green) },
  ])("$title is not ordered", ({ was, pr }) => {
    expect(mergesOf(after(...was), scm(pr))).toEqual([]);
  });
});
