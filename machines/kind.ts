import type { AnyStateMachine } from "xstate";
import type { z } from "zod";
import type { FailureCode } from "./failures.ts";
import { splitAddress, type Address, type KindName } from "./ids.ts";
import type { Json, JsonObject } from "./json.ts";

/** What every machine is created with. `at` is the time of the message that created it. */
export interface Birth {
  readonly address: Address;
  readonly id: string;
  readonly at: number;
}

/** What a stored snapshot holds of XState; opaque but for these. */
export interface MachineState {
  readonly status: "active" | "done" | "error" | "stopped";
  readonly value: Json;
  // oxlint-disable-next-line typescript/no-explicit-any -- each kind reads its own context
  readonly context: any;
}

/** From one state to another, by their dotted paths. */
export type Way = readonly [from: string, to: string];

/** Why a message is not its sender's to say, and the code of the dead letter that it becomes. */
export interface Foreign {
  readonly code: FailureCode;
  readonly why: string;
}

/** Everything the host needs to know of one kind of actor. A kind is a pure value. */
export interface Kind {
  readonly name: KindName;
  /** One line for people: what one of these is. */
  readonly description: string;
  /** Raised with every change of the chart or of the context's shape. */
  readonly version: number;
  readonly machine: AnyStateMachine;
  /** `data` of each message type it understands. Any other type is a dead letter. */
  readonly accepts: Readonly<Record<string, z.ZodType>>;
  /** The types that may create the actor; any other message to an unknown one is a dead letter. */
  readonly creates: readonly string[];
  /** The types that ask for nothing where there is no such actor: they are done, not dead letters. */
  readonly needless?: readonly string[];
  /** The newest incarnation the actor knows; 0 before the first. Absent: its messages are not fenced. */
  readonly epochOf?: (state: MachineState) => number;
  /**
   * Why a message is not its sender's to say; undefined when it is. `from` is absent for whoever is no actor. What is
   * foreign becomes a dead letter before it is stepped.
   */
  readonly foreign?: (
    state: MachineState,
    message: { readonly type: string; readonly from?: Address; readonly data: unknown },
  ) => Foreign | undefined;
  /** The actor whose own course depends on this one: told when it is quarantined. A person is told of every one. */
  readonly parentOf?: (state: MachineState) => Address | undefined;
  /** The few facts that lists show; kept in memory for every actor, so keep it small. */
  readonly summarize?: (state: MachineState) => JsonObject;
  /** The ways that most of them go: what is drawn first where a message may lead from anywhere to anywhere. */
  readonly usual?: readonly Way[];
  /** From a stored version to the next one up, by the older version's number. */
  readonly migrations?: Readonly<Record<number, (state: MachineState) => MachineState>>;
}

/** Whether whoever has this address understands messages of a type. */
export function understands(
  kinds: ReadonlyMap<KindName, Kind>,
  { address, type }: { readonly address: Address; readonly type: string },
): boolean {
  const kind = kinds.get(splitAddress(address).kind);
  return kind !== undefined && Object.hasOwn(kind.accepts, type);
}
