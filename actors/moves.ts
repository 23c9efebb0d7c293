import type { AnyStateNode, AnyTransitionDefinition } from "xstate";
import type { Kind, MachineState } from "../machines/kind.ts";
import type { Json } from "../machines/json.ts";
import type { JournalEntry } from "../storage/store.ts";

// Moves
//
// What would move an actor now: every transition out of its states, and what its guard says to it.
//
//   V1. A guard is asked, not guessed at: with the last message of that type, or with an empty one where that fits.
//   V2. Why it says so is what it read of the context, and its own words; nothing is made up.
//   V3. Asking changes nothing: guards are pure, and read through a view that cannot be written.

export interface Move {
  readonly event: string;
  /** Path of the state that has it, and of those it would lead to; none for what is only noted. */
  readonly source: string;
  readonly targets: readonly string[];
  readonly actions: readonly string[];
  readonly guard: string | null;
  /** `open`: nothing stands in its way. `unknown`: it depends on a message that nobody can know. */
  readonly verdict: "open" | "yes" | "no" | "unknown";
  /** The step whose message the guard was asked with; null for an empty one. */
  readonly askedWith: number | null;
  /** What the guard read of the context. */
  readonly reads: readonly { readonly path: string; readonly value: Json }[];
  /** The guard's own words. */
  readonly words: string | null;
}

export interface MoveQuestion {
  readonly state: MachineState;
  /** The newest message of each type that the actor took. */
  readonly samples: ReadonlyMap<string, JournalEntry>;
  /** The time at which guards are asked, milliseconds since 1970. */
  readonly at: number;
}

/** Transitions out of the active states, in the order in which they are tried. */
export function movesOf(kind: Kind, question: MoveQuestion): Move[] {
  const { machine } = kind;
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind reads its own context
  const { value, context } = question.state;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unsafe-assignment -- a value that the machine itself had
  const snapshot = machine.resolveState({ value: value as never, context });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, no-underscore-dangle -- the only way XState tells its active nodes
  const nodes = snapshot._nodes as AnyStateNode[];
  const asked = askedOf(kind, question);
  return nodes
    .toSorted((a, b) => b.path.length - a.path.length)
    .flatMap((node) =>
      [...node.transitions.values()].flat().map((transition) => moveOf(kind, asked, transition)),
    );
}

/** A question, with what guards are asked with for each type of message. */
interface Asked extends MoveQuestion {
  readonly eventFor: (type: string) => object | undefined;
}

/** Many a transition is for the same message: it is made once. */
function askedOf(kind: Kind, question: MoveQuestion): Asked {
  const events = new Map<string, object | undefined>();
  const eventFor = (type: string): object | undefined => {
    if (!events.has(type)) events.set(type, eventOf(kind, question, type));
    return events.get(type);
  };
  return { ...question, eventFor };
}

function moveOf(kind: Kind, question: Asked, transition: AnyTransitionDefinition): Move {
  const { source, target, actions, guard } = transition;
  return {
    event: String(transition.eventType),
    source: source.path.join("."),
    targets: (target ?? []).map(({ path }) => path.join(".")),
    actions: actions.map((action) => nameOf(action) ?? "inline"),
    guard: guard === undefined ? null : (nameOf(guard) ?? "inline"),
    ...answerOf(kind, question, transition),
  };
}

type Answer = Pick<Move, "verdict" | "askedWith" | "reads" | "words">;
type Guard = (seen: { context: unknown; event: unknown }, params: unknown) => unknown;

function answerOf(
  kind: Kind,
  question: Asked,
  { guard, ...transition }: AnyTransitionDefinition,
): Answer {
  if (guard === undefined) return { verdict: "open", askedWith: null, reads: [], words: null };
  const type = String(transition.eventType);
  const sample = question.samples.get(type);
  const ask = guardOf(kind, guard);
  const words = ask === undefined ? null : wordsOf(ask);
  const unknown: Answer = { verdict: "unknown", askedWith: null, reads: [], words };
  const event = question.eventFor(type);
  if (ask === undefined || event === undefined) return unknown;
  const reads = new Map<string, Json>();
  try {
    const seen = { context: watched(question.state.context, "", reads), event };
    const verdict = ask(seen, paramsOf(guard)) === true ? "yes" : "no";
    return { verdict, askedWith: sample?.seq ?? null, reads: listOf(reads), words };
  } catch {
    return unknown;
  }
}

/** What the guard is asked with (V1); undefined when nothing fits. */
function eventOf(
  kind: Kind,
  { state, samples, at }: MoveQuestion,
  type: string,
): object | undefined {
  const message = samples.get(type)?.message;
  const parsed = kind.accepts[type]?.safeParse(message?.data ?? {});
  if (parsed?.success !== true) return undefined;
  const { from, epoch = kind.epochOf?.(state) } = message ?? {};
  return {
    type,
    id: "what-if",
    at,
    ...(from !== undefined && { from }),
    ...(epoch !== undefined && { epoch }),
    data: parsed.data,
  };
}

function guardOf(kind: Kind, guard: unknown): Guard | undefined {
  const name = nameOf(guard);
  const named: unknown = name === undefined ? guard : kind.machine.implementations.guards[name];
  // What `and`, `or` and `not` make has a check of its own, which is XState's to call.
  const isPlain = typeof named === "function" && !("check" in named);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a guard of XState
  return isPlain ? (named as Guard) : undefined;
}

function paramsOf(guard: unknown): unknown {
  return typeof guard === "object" && guard !== null && "params" in guard
    ? guard.params
    : undefined;
}

const LONGEST_WORDS = 900;

function wordsOf(guard: Guard): string | null {
  // Where types were taken out, blanks are left.
  const text = guard.toString().replaceAll(/ {2,}/g, " ");
  return text.length > LONGEST_WORDS ? null : text;
}

function nameOf(named: unknown): string | undefined {
  if (typeof named === "string") return named;
  if (typeof named === "function") return named.name || undefined;
  const isTyped = typeof named === "object" && named !== null && "type" in named;
  return isTyped ? String(named.type) : undefined;
}

const MOST_READS = 24;

/** A value whose reading is noted, leaf by leaf. Deciders may copy it: they copy the view's members. */
function watched(value: unknown, path: string, reads: Map<string, Json>): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key === "symbol" || typeof inner === "function") return inner;
      const at = path === "" ? key : `${path}.${key}`;
      note(reads, at, inner);
      return isFrozen(target, key) ? inner : watched(inner, at, reads);
    },
    set: () => false,
    deleteProperty: () => false,
    defineProperty: () => false,
  });
}

function note(reads: Map<string, Json>, path: string, value: unknown): void {
  const isLeaf = typeof value !== "object" || value === null;
  if (!isLeaf || value === undefined || reads.size >= MOST_READS) return;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a leaf of a context, which is JSON
  reads.set(path, value as Json);
}

/** A proxy must give what is frozen as it is. */
function isFrozen(target: object, key: string): boolean {
  const own = Reflect.getOwnPropertyDescriptor(target, key);
  return own?.configurable === false && own.writable === false;
}

function listOf(reads: ReadonlyMap<string, Json>): Move["reads"] {
  return [...reads].map(([path, value]) => ({ path, value }));
}
