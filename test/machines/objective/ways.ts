import {
  newbornObjective,
  type ObjectiveContext,
  type Phase,
} from "../../../machines/objective/record.ts";
import type { ObjectiveEvent } from "../../../machines/objective/protocol.ts";
import { stepObjective } from "../../../machines/objective/step.ts";
import type { Told } from "../../support/step.ts";
import {
  CRASHES,
  kind,
  POKES,
  settings,
  START,
  timeOf,
  toldOf,
  WHATS,
  type Move,
} from "./lives.ts";

// Objective ways
//
// From where to where an objective really goes: its deciders are asked, record by record, what each message comes to.
// Breadth first, so that the shortest way to each record is the one that is gone; records that differ in nothing that
// decides are one.

/** Records looked at from each beginning. */
const MOST = 600;
/** The variants of a move that differ in what is decided. */
const VARIANTS: Readonly<Record<string, readonly number[]>> = {
  cancel: [3],
  quota: [1, 3],
  done: [2, 3],
};
const MOVES: readonly Move[] = WHATS.flatMap((what) =>
  (VARIANTS[what] ?? [1]).map((n) => ({ what, n, ms: 60_000 })),
);

/** What takes many steps in a row, and a search of all that is possible would not come to. */
const BEGINNINGS: readonly (readonly Move[])[] = [[], CRASHES, POKES];

type Ways = Map<Phase, Map<Phase, Set<string>>>;

interface Reached {
  readonly context: ObjectiveContext;
  readonly at: number;
}

/** The types of message that lead from one phase to another: `from`, then `to`. */
export function objectiveWays(): ReadonlyMap<Phase, ReadonlyMap<Phase, ReadonlySet<string>>> {
  const ways: Ways = new Map();
  const born = { context: newbornObjective({ id: "mer-1", at: 0 }), at: 1 };
  const begun = { context: stepped(born, START, 1), at: 1 };
  const known = new Set<string>();
  for (const beginning of BEGINNINGS) {
    const along = [begun];
    for (const move of beginning) along.push(moved(ways, along.at(-1) ?? begun, move) ?? begun);
    search(ways, along, known);
  }
  return ways;
}

function search(ways: Ways, from: readonly Reached[], known: Set<string>): void {
  const queue = from.filter((each) => isNew(known, each));
  for (let index = 0; index < queue.length && index < MOST; index += 1) {
    const here = queue[index];
    for (const move of here === undefined ? [] : MOVES) {
      const next = here && moved(ways, here, move);
      if (next !== undefined && isNew(known, next)) queue.push(next);
    }
  }
}

function isNew(known: Set<string>, reached: Reached): boolean {
  const sign = signOf(reached);
  const isIt = !known.has(sign);
  known.add(sign);
  return isIt;
}

/** Where a move leads, noted as a way; undefined when it cannot happen. */
function moved(ways: Ways, from: Reached, move: Move): Reached | undefined {
  const at = timeOf(move, from.context, from.at);
  const told = toldOf(move, from.context, at);
  if (told === undefined) return undefined;
  const context = stepped(from, told, at);
  note(ways, { was: from.context, context, type: told.type });
  return { context, at };
}

let ids = 0;

function stepped({ context }: Reached, told: Told, at: number): ObjectiveContext {
  ids += 1;
  const data = kind.accepts[told.type]?.parse(told.data ?? {});
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parsed by the kind's own shape
  const event = { ...told, id: `w${ids}`, at, data } as ObjectiveEvent;
  return stepObjective(context, event, settings.supervisor).context;
}

function note(
  ways: Ways,
  { was, context, type }: { was: ObjectiveContext; context: ObjectiveContext; type: string },
): void {
  const [from, to] = [was.standing.phase, context.standing.phase];
  if (from === to) return;
  const out = ways.get(from) ?? new Map<Phase, Set<string>>();
  ways.set(from, out);
  out.set(to, (out.get(to) ?? new Set()).add(type));
}

/** What of a record decides how it goes on, without times and counts that only grow. */
function signOf({ context }: Reached): string {
  const { standing, supervisor, manager, workers, questions, sendings, pokes, escalation } =
    context;
  return JSON.stringify([
    standing.phase,
    supervisor.phase,
    manager.stopping === null,
    manager.startedAt === null,
    manager.quotaUntil === null,
    manager.facts?.activity.state,
    workers.slice(0, 2).map(({ state, slot, facts }) => [state, slot, facts?.pulls[0]?.state]),
    questions.filter(({ state }) => state === "open").length,
    sendings.slice(0, 2).map(({ what }) => what),
    pokes.slice(-2).map(({ state }) => state),
    escalation === null,
    Math.min(context.lives.length, 3),
    Math.min(context.useless, 3),
    context.shaken,
  ]);
}
