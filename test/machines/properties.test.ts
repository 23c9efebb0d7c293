import { assert, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { forge } from "../../machines/forge/forge.ts";
import { project } from "../../machines/project/project.ts";
import type { SessionContext } from "../../machines/session/record.ts";
import { sessionKind } from "../../machines/session/session.ts";
import { reviewKind } from "../../machines/review/review.ts";
import { Settings } from "../../machines/settings.ts";
import { terminal } from "../../machines/terminal/terminal.ts";
import { workspace } from "../../machines/workspace/workspace.ts";
import { reviewTold } from "./review/lives.ts";
import { machineUnderTest, namesOf, type Stepped, type Told } from "../support/step.ts";
import {
  followingTold,
  lives,
  projectTold,
  sessionTold,
  terminalTold,
  workspaceTold,
} from "./lives.ts";

const session = sessionKind(Settings.parse({}));
const review = reviewKind(Settings.parse({}));
const COMMAND =
  /^(?:project\.(?!reviewing)|pull\.(?!review)|session\.(?:kill|send|report|review|reviewing|acknowledge|tick)$|review\.(?:trigger|submit|cancel|configure|activity)$)/;

function answersOf({ orders }: Stepped): number {
  return orders.filter(({ type }) => type === "reply" || type === "refuse").length;
}

describe.each([
  { kind: project, told: projectTold },
  { kind: terminal, told: terminalTold },
  { kind: workspace, told: workspaceTold },
  { kind: forge, told: followingTold },
  { kind: session, told: sessionTold },
  { kind: review, told: reviewTold },
])("any life of a $kind.name", ({ kind, told }) => {
  it("survives JSON and a restart after every step", () => {
    expect.hasAssertions();
    const isKept = property(lives(kind, told), (life) => {
      const [steady, restarted] = [machineUnderTest(kind), machineUnderTest(kind)];
      for (const each of life) {
        const step = steady.send(each);
        restarted.restart();
        expect(restarted.send(each).orders).toEqual(step.orders);
        expect(JSON.parse(JSON.stringify(step.context))).toEqual(step.context);
        expect(JSON.parse(JSON.stringify(step.orders))).toEqual(step.orders);
      }
      expect(restarted.persisted()).toEqual(steady.persisted());
    });
    assert(isKept, { numRuns: 100 });
  });

  it("answers every command once, and changes nothing when it refuses (J1)", () => {
    expect.hasAssertions();
    const isAnswered = property(lives(kind, told), (life) => {
      const machine = machineUnderTest(kind);
      const steps = life.map((each) => ({ type: each.type, step: machine.send(each) }));
      const commands = steps.filter(({ type }) => COMMAND.test(type));
      expect(commands.filter(({ step }) => answersOf(step) !== 1)).toEqual([]);
      const refused = steps.filter(({ step }) => step.orders.some(({ type }) => type === "refuse"));
      expect(refused.filter(({ step }) => !step.isUnchanged || step.orders.length > 1)).toEqual([]);
    });
    assert(isAnswered, { numRuns: 100 });
  });
});

/** The names of all orders of a life, with the messages between them. */
function storyOf(kind: Parameters<typeof lives>[0], life: readonly Told[]): string[] {
  const machine = machineUnderTest(kind);
  return life.flatMap((each) => [each.type, ...namesOf(machine.send(each).orders)]);
}

it("a terminal destroys between any two launches (T1)", () => {
  expect.hasAssertions();
  const isDestroyed = property(lives(terminal, terminalTold), (life) => {
    const acts = storyOf(terminal, life).filter((name) => /^effect:(?:launch|destroy)/.test(name));
    expect(acts.join(" ")).not.toContain("effect:launchTerminal effect:launchTerminal");
  });
  assert(isDestroyed, { numRuns: 300 });
});

it("a terminal types one text at a time (T2)", () => {
  expect.hasAssertions();
  const isSingle = property(lives(terminal, terminalTold), (life) => {
    // What was being typed when the process ended is settled by the launch of the next.
    const acts = storyOf(terminal, life).filter((name) =>
      /^(?:effect:typeText|effect:launchTerminal|typeText\.)/.test(name),
    );
    expect(acts.join(" ")).not.toContain("effect:typeText effect:typeText");
  });
  assert(isSingle, { numRuns: 300 });
});

it("a forge has one order of each sort out (F1)", () => {
  expect.hasAssertions();
  const isSingle = property(lives(forge, followingTold), (life) => {
    const story = storyOf(forge, life);
    for (const name of ["inspectBranches", "runChecks", "mergePullRequest", "openPullRequest"]) {
      const acts = story.filter((each) => each === `effect:${name}` || each.startsWith(`${name}.`));
      expect(acts.join(" ")).not.toContain(`effect:${name} effect:${name}`);
    }
  });
  assert(isSingle, { numRuns: 300 });
});

/** What a session shows: all of its record but the books beside it. */
function shownOf(context: SessionContext): string {
  const { messages, notices, flight, noticed, trackers, merges, ...most } = context;
  const { leases, watch, farewell, supervisor, observedAt, revision, updatedAt, ...shown } = most;
  return JSON.stringify(shown);
}

describe("any life of a session", () => {
  it("grows its revision by one with every change that shows, and orders nothing without one (E-1, E-2)", () => {
    expect.hasAssertions();
    const isCounted = property(lives(session, sessionTold), (life) => {
      const machine = machineUnderTest<SessionContext>(session);
      for (const each of life) {
        const { context: before } = machine.now;
        const step = machine.send(each);
        const { revision, updatedAt } = before;
        const isSame =
          JSON.stringify({ ...step.context, revision, updatedAt }) === JSON.stringify(before);
        expect(step.isUnchanged).toBe(isSame);
        const isShown = shownOf(step.context) !== shownOf(before);
        expect(step.context.revision).toBe(revision + (isShown ? 1 : 0));
        expect(isSame ? step.orders.length - answersOf(step) : 0).toBe(0);
      }
    });
    assert(isCounted, { numRuns: 200 });
  });

  it("shows in its chart what stands in its record (R-1)", () => {
    expect.hasAssertions();
    const isShown = property(lives(session, sessionTold), (life) => {
      const machine = machineUnderTest<SessionContext>(session);
      for (const each of life) {
        const { value, context } = machine.send(each);
        const { axes, wanted } = context;
        expect(value).toEqual({
          lifecycle: axes.lifecycle.state,
          runtime: axes.runtime.state,
          activity: axes.activity.state,
          pr: axes.pr.state,
          wanted: wanted === "running" ? wanted : { stopped: wanted },
        });
      }
    });
    assert(isShown, { numRuns: 200 });
  });

  it("keeps its first end (N4)", () => {
    expect.hasAssertions();
    const isKept = property(lives(session, sessionTold), (life) => {
      const machine = machineUnderTest<SessionContext>(session);
      const ends = life
        .map((each) => machine.send(each).context.axes.lifecycle)
        .filter(({ state }) => state === "done" || state === "terminated");
      expect(
        ends.filter((end) => end !== ends[0] && JSON.stringify(end) !== JSON.stringify(ends[0])),
      ).toEqual([]);
      expect(JSON.stringify(machine.now.context.axes.lifecycle)).toBe(
        JSON.stringify(ends[0] ?? machine.now.context.axes.lifecycle),
      );
    });
    assert(isKept, { numRuns: 200 });
  });
});
