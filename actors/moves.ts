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
//   V3. Asking changes nothing: guards are pure, and what they read cannot be written.
//   V4. Who follows an actor is told verdicts. What a guard read costs many times as much, and is found for who asks why.

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
}

/** A move, and why its guard says what it says (V2). */
export interface ExplainedMove extends Move {
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
  const transitions = transitionsFrom(kind, question.state);
  const asked = askedOf(kind, question);
  const verdicts = new Map<AnyTransitionDefinition, Answer>();
  // Guards of one message ask the same decider, which keeps its last answer.
  for (const some of Map.groupBy(transitions, (each) => String(each.eventType)).values()) {
    for (const each of some) verdicts.set(each, answerOf(kind, asked, each));
  }
  return transitions.map((each) => ({
    ...wayOf(each),
    ...(verdicts.get(each) ?? UNKNOWN),
  }));
}

/** The same, with what each guard read (V4). */
export function explainedMovesOf(kind: Kind, question: MoveQuestion): ExplainedMove[] {
  const asked = askedOf(kind, question);
  return transitionsFrom(kind, question.state).map((each) => {
    const reads = new Map<string, Json>();
    const context = watched(question.state.context, "", reads);
    const answer = answerOf(kind, { ...asked, context }, each);
    const guard = guardOf(kind, each.guard);
    return {
      ...wayOf(each),
      ...answer,
      reads: answer.verdict === "unknown" ? [] : listOf(reads),
      words: guard === undefined ? null : wordsOf(guard),
    };
  });
}

function transitionsFrom({ machine }: Kind, state: MachineState): AnyTransitionDefinition[] {
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- each kind reads its own context
  const { value, context } = state;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unsafe-assignment -- a value that the machine itself had
  const snapshot = machine.resolveState({ value: value as never, context });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion, no-underscore-dangle -- the only way XState tells its active nodes
  const nodes = snapshot._nodes as AnyStateNode[];
  return nodes
    .toSorted((a, b) => b.path.length - a.path.length)
    .flatMap((node) => [...node.transitions.values()].flat());
}

/** A question, with what guards are asked with for each type of message, and a context that cannot be written (V3). */
interface Asked extends MoveQuestion {
  readonly eventFor: (type: string) => object | undefined;
  readonly context: unknown;
}

/** Many a transition is for the same message: it is made once. */
function askedOf(kind: Kind, question: MoveQuestion): Asked {
  const events = new Map<string, object | undefined>();
  const eventFor = (type: string): object | undefined => {
    if (!events.has(type)) events.set(type, eventOf(kind, question, type));
    return events.get(type);
  };
  return { ...question, eventFor, context: frozen(structuredClone(question.state.context)) };
}

type Way = Pick<Move, "event" | "source" | "targets" | "actions" | "guard">;
type Answer = Pick<Move, "verdict" | "askedWith">;
type Guard = (seen: { context: unknown; event: unknown }, params: unknown) => unknown;

const ways = new WeakMap<AnyTransitionDefinition, Way>();

/** What the machine says of a transition; the same at any time. */
function wayOf(transition: AnyTransitionDefinition): Way {
  const known = ways.get(transition);
  if (known !== undefined) return known;
  const { source, target, actions, guard } = transition;
  const way = {
    event: String(transition.eventType),
    source: source.path.join("."),
    targets: (target ?? []).map(({ path }) => path.join(".")),
    actions: actions.map((action) => nameOf(action) ?? "inline"),
    guard: guard === undefined ? null : (nameOf(guard) ?? "inline"),
  };
  ways.set(transition, way);
  return way;
}

const UNKNOWN: Answer = { verdict: "unknown", askedWith: null };

function answerOf(
  kind: Kind,
  { samples, eventFor, context }: Asked,
  { guard, eventType }: AnyTransitionDefinition,
): Answer {
  if (guard === undefined) return { verdict: "open", askedWith: null };
  const ask = guardOf(kind, guard);
  const event = eventFor(String(eventType));
  if (ask === undefined || event === undefined) return UNKNOWN;
  try {
    const verdict = ask({ context, event }, paramsOf(guard)) === true ? "yes" : "no";
    return { verdict, askedWith: samples.get(String(eventType))?.seq ?? null };
  } catch {
    return UNKNOWN;
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

function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
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

function listOf(reads: ReadonlyMap<string, Json>): ExplainedMove["reads"] {
  return [...reads].map(([path, value]) => ({ path, value }));
}
