import type {
  AnyActorScope,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  MachineContext,
  StateValue,
} from "xstate";
import { recordingOf, type Recorded } from "../machines/recording.ts";

// Transition plans
//
// A chart that remembers where its transitions lead. XState selects them anew for every message, guards and all; where
// a selection leads from a set of states never changes, so XState works it out once and it is kept.
//
//   T1. The answer is XState's own: a selection not met before is stepped by XState, and only what came of it is kept.
//   T2. Only what is plain is kept: no entry, exit, `always`, `after`, final or history state in the whole chart, and
//       no action but those of `recording`. Everything else is stepped by XState every time.
//   T3. Regions do not meddle: several transitions must each stay in a part of the chart of its own, or none is kept.

type State = Omit<AnyMachineSnapshot, "context" | "value"> & {
  readonly context: MachineContext;
  readonly value: StateValue;
};
type Transition = ReturnType<AnyStateMachine["getTransitionData"]>[number];

/** What a selection comes to, whatever the context. */
interface Plan {
  readonly recordings: readonly Recorded[];
  /** The states after it; absent when they stay. */
  readonly next: Pick<State, "_nodes" | "value" | "tags"> | undefined;
}

/** Selections from one set of states, transition by transition. */
interface Branch {
  readonly on: Map<Transition, Branch>;
  plan?: Plan;
}

const charts = new WeakMap<AnyStateMachine, AnyStateMachine>();

/** The machine with plans; the very same for the same machine. Its actors are actors of the machine. */
export function planned(machine: AnyStateMachine): AnyStateMachine {
  const known = charts.get(machine);
  if (known !== undefined) return known;
  const chart = isPlain(machine.root) ? withPlans(machine) : machine;
  charts.set(machine, chart);
  return chart;
}

function withPlans(machine: AnyStateMachine): AnyStateMachine {
  const byNodes = new WeakMap<object, Branch>();
  const byText = new Map<string, Branch>();

  function branchOf({ _nodes: nodes, value }: State): Branch {
    const known = byNodes.get(nodes);
    if (known !== undefined) return known;
    const text = JSON.stringify(value);
    const branch = byText.get(text) ?? { on: new Map() };
    byText.set(text, branch);
    byNodes.set(nodes, branch);
    return branch;
  }

  function transition(snapshot: State, event: AnyEventObject, scope: AnyActorScope): State {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- XState's own, but for what it leaves untyped
    const own = snapshot as AnyMachineSnapshot;
    const byXState = (): State => machine.transition(own, event, scope);
    if (snapshot.status !== "active" || event.type.startsWith("xstate.")) return byXState();
    const selected = machine.getTransitionData(own, event);
    if (selected.length === 0) return snapshot;
    let branch = branchOf(snapshot);
    for (const each of selected) branch = below(branch, each);
    if (branch.plan !== undefined) return carriedOut(branch.plan, { snapshot, event, scope });
    const after = byXState();
    const plan = planOf(machine, { selected, before: snapshot, after });
    if (plan !== undefined) branch.plan = plan;
    return after;
  }

  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the machine itself, but for one method
  return Object.create(machine, { transition: { value: transition } }) as AnyStateMachine;
}

function below(branch: Branch, transition: Transition): Branch {
  const known = branch.on.get(transition);
  if (known !== undefined) return known;
  const made: Branch = { on: new Map() };
  branch.on.set(transition, made);
  return made;
}

/** What the actions record, in order, and the states that XState came to when it was asked. */
function carriedOut(
  { recordings, next }: Plan,
  given: { snapshot: State; event: AnyEventObject; scope: AnyActorScope },
): State {
  const { snapshot, event, scope } = given;
  let { context } = snapshot;
  for (const recording of recordings) {
    const decided = recording({ context, event });
    // As XState's `assign` does it: members that are not named stay.
    if (decided.context !== context) context = { ...context, ...decided.context };
    for (const order of decided.orders) scope.emit(order);
  }
  if (next !== undefined) return { ...snapshot, ...next, context };
  return context === snapshot.context ? snapshot : { ...snapshot, context };
}

/** What is to be kept of a step that XState took; undefined when it must be asked again (T2, T3). */
function planOf(
  machine: AnyStateMachine,
  step: { selected: readonly Transition[]; before: State; after: State },
): Plan | undefined {
  const { selected, before, after } = step;
  if (after.status !== "active") return undefined;
  if (selected.length > 1 && !areApart(selected)) return undefined;
  const recordings: Recorded[] = [];
  for (const action of selected.flatMap(({ actions }) => actions)) {
    const recording =
      typeof action === "string" ? recordingOf(machine.implementations.actions[action]) : undefined;
    if (recording === undefined) return undefined;
    recordings.push(recording);
  }
  const { _nodes, value, tags } = after;
  const isSame = JSON.stringify(value) === JSON.stringify(before.value);
  return { recordings, next: isSame ? undefined : { _nodes, value, tags } };
}

/** Whether no transition leaves or enters a state that another one leaves or enters (T3). */
function areApart(selected: readonly Transition[]): boolean {
  if (selected.some(({ reenter }) => reenter)) return false;
  const domains = selected.flatMap(domainOf);
  return domains.every((one, n) =>
    domains.every((other, k) => k === n || (one !== other && !isBelow(one, other))),
  );
}

/** The state below which a transition stays; none for one that leads nowhere. */
function domainOf({ source, target = [] }: Transition): AnyStateNode[] {
  if (target.length === 0) return [];
  let domain: AnyStateNode = source;
  while (!target.every((node) => isBelow(node, domain)) && domain.parent !== undefined) {
    domain = domain.parent;
  }
  return [domain];
}

function isBelow({ parent }: AnyStateNode, ancestor: AnyStateNode): boolean {
  return parent === ancestor || (parent !== undefined && isBelow(parent, ancestor));
}

function isPlain(node: AnyStateNode): boolean {
  const isQuiet =
    node.type !== "history" &&
    node.type !== "final" &&
    node.entry.length + node.exit.length + node.invoke.length + node.after.length === 0 &&
    (node.always ?? []).length === 0;
  return isQuiet && Object.values<AnyStateNode>(node.states).every(isPlain);
}
