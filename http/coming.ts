import { z } from "zod";
import { splitAddress, type KindName } from "../machines/ids.ts";
import type { SnapshotRow } from "../storage/store.ts";
import { stateOf } from "./stored-state.ts";

// Coming
//
// What an actor's timers will bring, in words for whoever does not know their names. Lists, boards and pages all ask
// here.

/** One timer. `what` follows on a time: "in 8 min: looks again if silent". */
export const Coming = z.object({ name: z.string(), what: z.string(), at: z.number() });
type Coming = z.infer<typeof Coming>;

export const TIMERS: Readonly<Record<KindName, Readonly<Record<string, string>>>> = {
  session: {
    watch: "looks again if silent",
    lease: "what it ordered must be answered",
    confirm: "asks whether its text arrived",
    restart: "starts its agent again",
    escalation: "nudges its agent, or tells a person",
  },
  objective: { next: "looks again" },
  review: { due: "looks again" },
  terminal: {
    look: "looks at its screen again",
    retry: "ends its process again",
    tell: "tells its end again",
  },
  forge: {
    inspect: "asks the forge again",
    checks: "runs the checks again",
    merge: "merges again",
  },
  project: { succession: "ends the last orchestrator again" },
  supervisor: {
    tick: "looks at what is due",
    look: "looks at the host again",
    tell: "tells a person of what an outage struck",
  },
  collector: { pass: "clears up again" },
  workspace: {},
  question: {},
};

/** The timers of an actor, the earliest first. */
export function comingOf(row: SnapshotRow): Coming[] {
  const { kind } = splitAddress(row.address);
  const standing = kind === "objective" ? standingOf(row) : undefined;
  return Object.entries(row.timers)
    .map(([name, { dueAt: at }]) => {
      const own = standing?.nextAt === at ? standing.next : undefined;
      return { name, what: own ?? TIMERS[kind][name] ?? name, at };
    })
    .toSorted((a, b) => a.at - b.at);
}

const Standing = z.object({ next: z.string(), nextAt: z.number() });

/** An objective says by itself what is next; its timer may be due before that, for something smaller. */
function standingOf(row: SnapshotRow): z.infer<typeof Standing> | undefined {
  return Standing.safeParse(stateOf(row).context["standing"]).data;
}
