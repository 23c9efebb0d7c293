import { expect } from "vitest";
import {
  supervise,
  supervisor,
  type Cause,
  type ChildSpec,
  type ChildState,
  type SupervisorEvent,
  type SupervisorOrder,
  type SupervisorSpec,
  type SupervisorState,
} from "../../machines/supervision/supervision.ts";

// Supervised world
//
// Children that obey a supervisor, but start, fail, die and answer whenever chance says so, with their reports late,
// repeated and out of order, though never by a whole period. It holds V1-V7 after every event, against what really runs and not what was reported.

const ABNORMAL: readonly Cause[] = ["crash", "infra", "launch", "no_progress"];
const DEATHS = ["crash", "infra", "no_progress", "clean", "user", "quota"] as const;

interface Incarnation {
  readonly id: string;
  readonly epoch: number;
}

type ChildEvent = Extract<SupervisorEvent, { readonly epoch: number }>;
type Move = (chance: number) => void;

/** A world of children under one supervisor. */
export interface SupervisedWorld {
  readonly state: () => SupervisorState;
  /** Does one of the things that could happen now. */
  readonly disturb: (chance: number) => void;
  /** Does what is left to do, without further trouble. False when nothing is left. */
  readonly calm: () => boolean;
  /** What the supervisor told its parent, oldest first. */
  readonly told: readonly string[];
}

/** A world before its start. */
export function supervisedWorld(spec: SupervisorSpec): SupervisedWorld {
  let state = supervisor(spec);
  let now = 0;
  let alarm: number | null = null;
  const alive: Incarnation[] = [];
  const starting: Incarnation[] = [];
  const stopping: Incarnation[] = [];
  const reports: ChildEvent[] = [];
  const delivered: ChildEvent[] = [];
  const charges: { readonly cause: Cause; readonly at: number }[] = [];
  let mustBeDown: Incarnation[] = [];
  const isOver = new Set<string>();
  const told: string[] = [];

  function give(event: SupervisorEvent): void {
    const before = deepFreeze(state);
    const { state: next, orders } = supervise(before, event);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own JSON
    const stored = JSON.parse(JSON.stringify(before)) as SupervisorState;
    expect(supervise(stored, event), "a stored state behaves the same").toStrictEqual({
      state: next,
      orders,
    });
    if (isOld(before, event)) expect([next, orders], "V5").toEqual([before, []]);
    if (event.type === "backoff.over" && alarm !== null && event.at >= alarm) alarm = null;
    if (event.type === "start") isOver.clear();
    if (event.type === "child.wanted") isOver.delete(event.id);
    if ("epoch" in event) noteEnd(before, next, event);
    for (const child of next.children)
      expect(child.epoch, "V1").toBeGreaterThanOrEqual(childOf(before, child.id).epoch);
    state = next;
    for (const order of orders) obey(order, before);
    expect(state.dueAt, "the armed alarm is the one in the state").toBe(alarm);
  }

  function noteEnd(before: SupervisorState, next: SupervisorState, event: ChildEvent): void {
    const was = childOf(before, event.id);
    const cause = causeOf(event);
    if (cause === undefined || before === next) return;
    // Its stop is over for the supervisor; what else is said of it comes late.
    remove(stopping, event);
    if (was.state === "stopping" || before.phase === "stopping") return;
    const kind = spec.children.find(({ id }) => id === event.id)?.restart;
    if (isOverBy(kind, cause)) {
      isOver.add(event.id);
      expect(childOf(next, event.id).state, "V6").toBe("ended");
      return;
    }
    if (mustBeDown.some(({ id, epoch }) => id === event.id && epoch === event.epoch)) return;
    if (next.phase === "stopping" || next.phase === "escalated") return;
    const place = spec.children.findIndex(({ id }) => id === event.id);
    const affected = before.children.filter(
      (child, n) =>
        n !== place &&
        isLive(child) &&
        (spec.strategy === "one_for_all" || (spec.strategy === "rest_for_one" && n > place)),
    );
    mustBeDown.push(...affected.map(({ id, epoch }) => ({ id, epoch })));
    charge(cause, next.restarts[cause]?.at(-1) ?? Number.NaN);
  }

  function charge(cause: Cause, at: number): void {
    expect(at, "a restart is charged in its turn").toBeGreaterThanOrEqual(charges.at(-1)?.at ?? 0);
    expect(at, "a restart is not charged ahead of time").toBeLessThanOrEqual(now);
    charges.push({ cause, at });
    if (!ABNORMAL.includes(cause)) return;
    const within = charges.filter((each) => each.cause === cause && at - each.at < spec.periodMs);
    expect(within.length, `V4: restarts for ${cause}`).toBeLessThanOrEqual(spec.intensity);
  }

  function obey(order: SupervisorOrder, before: SupervisorState): void {
    switch (order.type) {
      case "startChild":
        return obeyStart(order, before);
      case "stopChild":
        return obeyStop(order);
      case "arm":
        alarm = order.dueAt;
        return undefined;
      case "cancel":
        alarm = null;
        return undefined;
      case "ready":
        for (const child of state.children) expect(["running", "ended"]).toContain(child.state);
        break;
      case "escalate":
      case "allStopped":
        expect([alive, starting, alarm], "all are stopped").toEqual([[], [], null]);
        break;
      case "childEnded":
        expect(childOf(state, order.id).state).toBe("ended");
        break;
    }
    told.push(order.type);
    return undefined;
  }

  function obeyStart({ id, epoch }: Incarnation, before: SupervisorState): void {
    expect(epoch, "V1: the epoch is raised by one").toBe(childOf(before, id).epoch + 1);
    expect(
      alive.filter((each) => each.id === id),
      `no other epoch of ${id} runs`,
    ).toEqual([]);
    expect(starting, "V2: one start at a time").toEqual([]);
    expect(isOver.has(id), `V6: ${id} ended for good`).toBe(false);
    const place = spec.children.findIndex((each) => each.id === id);
    for (const child of state.children.slice(0, place))
      expect(["running", "ended"], "V2").toContain(child.state);
    expect(
      mustBeDown.filter((each) => isAmong(alive, each)),
      "V7: stopped first",
    ).toEqual([]);
    mustBeDown = [];
    alive.push({ id, epoch });
    starting.push({ id, epoch });
  }

  function obeyStop({ id, epoch }: Incarnation): void {
    expect(stopping, "V2: one stop at a time").toEqual([]);
    const place = spec.children.findIndex((each) => each.id === id);
    expect(state.children.slice(place + 1).filter(isLive), "V2: in reverse").toEqual([]);
    if (state.phase !== "stopping")
      expect(isAmong(mustBeDown, { id, epoch }), `V7: ${id} is stopped without need`).toBe(true);
    stopping.push({ id, epoch });
  }

  function end(which: Incarnation, cause: Cause): void {
    remove(alive, which);
    remove(starting, which);
    reports.push({ type: "child.exited", ...which, cause, at: now });
  }

  const finishStart: Move = (chance) => {
    const which = pick(starting, chance);
    remove(starting, which);
    reports.push({ type: "child.started", ...which, at: now });
  };
  const finishStop: Move = (chance) => {
    const which = pick(stopping, chance);
    remove(stopping, which);
    remove(alive, which);
    remove(starting, which);
    reports.push({ type: "child.stopped", ...which, at: now });
  };
  function hear(event: ChildEvent): void {
    reports.splice(reports.indexOf(event), 1);
    delivered.push(event);
    give(event);
  }
  const deliver: Move = (chance) => hear(pick(reports, chance));
  /** Time goes on, but no report comes a whole period late: that is what a clock set back looks like. */
  function passTo(time: number): void {
    for (const event of reports.filter(({ at }) => time - at >= spec.periodMs)) hear(event);
    now = time;
  }
  const ring: Move = () => {
    passTo(Math.max(now, alarm ?? now));
    give({ type: "backoff.over", at: now });
  };

  function moves(): Move[] {
    const grown = alive.filter((each) => !isAmong(starting, each));
    return [
      (chance) => passTo(now + (chance % 50)),
      (chance) => passTo(now + (chance % 400)),
      (chance) => give({ type: "child.wanted", id: pick(spec.children, chance).id, at: now }),
      (chance) => give({ type: chance % 8 === 0 ? "stop" : "start", at: now }),
      () => give({ type: "backoff.over", at: now }),
      ...(reports.length > 0 ? [deliver, deliver, deliver, deliver] : []),
      ...(delivered.length > 0 ? [(chance: number) => give(pick(delivered, chance))] : []),
      ...(starting.length > 0
        ? [
            finishStart,
            finishStart,
            (chance: number) => end(pick(starting, chance), pick(["launch", "infra"], chance)),
          ]
        : []),
      ...(grown.length > 0
        ? [(chance: number) => end(pick(grown, chance), pick(DEATHS, chance))]
        : []),
      ...(stopping.length > 0 ? [finishStop, finishStop] : []),
      ...(alarm === null ? [] : [ring, ring]),
    ];
  }

  return {
    state: () => state,
    told,
    disturb: (chance) => {
      const possible = moves();
      pick(possible, chance)(Math.floor(chance / possible.length));
    },
    calm: () => {
      if (reports.length > 0) deliver(0);
      else if (starting.length > 0) finishStart(0);
      else if (stopping.length > 0) finishStop(0);
      else if (alarm !== null) ring(0);
      else return false;
      return true;
    },
  };
}

function causeOf(event: ChildEvent): Cause | undefined {
  if (event.type === "child.started") return undefined;
  return event.type === "child.stopped" ? "clean" : event.cause;
}

function isOverBy(kind: ChildSpec["restart"] | undefined, cause: Cause): boolean {
  if (kind === "temporary" || cause === "user") return true;
  return kind === "transient" && !ABNORMAL.includes(cause);
}

function isOld(state: SupervisorState, event: SupervisorEvent): boolean {
  return "epoch" in event && event.epoch < childOf(state, event.id).epoch;
}

function isLive({ state }: ChildState): boolean {
  return state === "starting" || state === "running" || state === "stopping";
}

function childOf(state: SupervisorState, id: string): ChildState {
  const child = state.children.find((each) => each.id === id);
  if (child === undefined) throw new Error(`no child ${id}`);
  return child;
}

function isAmong(all: readonly Incarnation[], { id, epoch }: Incarnation): boolean {
  return all.some((each) => each.id === id && each.epoch === epoch);
}

function remove(all: Incarnation[], which: Incarnation): void {
  const place = all.findIndex(({ id, epoch }) => id === which.id && epoch === which.epoch);
  if (place >= 0) all.splice(place, 1);
}

function pick<T>(all: readonly T[], chance: number): T {
  const one = all[chance % all.length];
  if (one === undefined) throw new Error("nothing to pick from");
  return one;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
