// Session targets
//
// Where messages that more than one region hears lead to, region by region; the chart in session.ts is made of them.

// What the end of a child can lead to, region by region, whoever tells of it.
const OVER_OR_AGAIN = [
  { guard: "agentHasEnded", target: "terminated" },
  { guard: "restoreHasFailed", target: "done" },
  { guard: "beginsAnew", target: "not_started" },
] as const;
export const SILENT = [
  { guard: "hearsExited", target: ".exited" },
  { guard: "hearsNothing", target: ".none" },
] as const;
const AGAIN = { guard: "beginsAnew", target: "not_started" } as const;

// What the witnesses of life and death lead to, and the same where they were in doubt before.
const BY_PROBE = [
  { guard: "deathIsConfirmed", target: "terminated" },
  { guard: "witnessesDisagree", target: "detecting" },
  { guard: "doubtLasts", target: "stuck" },
] as const;
// What silence can lead to: never to an end.
const BY_SILENCE = [
  { guard: "witnessesDisagree", target: "detecting" },
  { guard: "doubtLasts", target: "stuck" },
] as const;
const BY_PROBE_IN_DOUBT = [...BY_PROBE, { guard: "isSeenAlive", target: "working" }] as const;
const BY_AGENT = [
  { guard: "agentWorks", target: "working" },
  { guard: "agentRests", target: "idle" },
  { guard: "agentAsks", target: "needs_input" },
  { guard: "agentIsBlocked", target: "stuck" },
] as const;
const BY_SCREEN = { guard: "agentRests", target: "idle" } as const;
const BY_FORGE = [{ guard: "pullRequestsAreOver", target: "idle" }] as const;

type Living = "not_started" | "working" | "idle" | "needs_input" | "stuck" | "detecting";

/** Where a session that is not over can go from one of its states, and by what. */
export function lifeFrom(state: Living) {
  const elsewhere = <Row extends { readonly target: string }>(rows: readonly Row[]): Row[] =>
    rows.filter(({ target }) => target !== state);
  const isInDoubt = state === "detecting" || state === "stuck";
  const over = elsewhere(OVER_OR_AGAIN);
  const again = elsewhere([AGAIN]);
  const byProbe = elsewhere(isInDoubt ? BY_PROBE_IN_DOUBT : BY_PROBE);
  return {
    "runtime.observed": byProbe,
    "inspectTerminal.done": [...byProbe, ...elsewhere([BY_SCREEN])],
    "inspectTerminal.failed": elsewhere(BY_SILENCE),
    "activity.observed": elsewhere(BY_AGENT),
    "scm.observed": elsewhere(BY_FORGE),
    "session.report": [
      { guard: "resultIsReported", target: "done", actions: "noteReport" },
      { actions: "noteReport" },
    ],
    "session.kill": { guard: "isKilled", target: "terminated" },
    "child.started": again,
    "child.exited": over,
    "child.stopped": over,
    "child.quarantined": elsewhere([{ guard: "childIsLost", target: "stuck" }] as const),
    "mail.undeliverable": over,
    "timer.lease": over,
    "timer.watch": elsewhere(BY_SILENCE),
    "timer.restart": again,
  } as const;
}
export const CLEARED_OR_BACK = [
  { guard: "showsNone", target: ".none" },
  { guard: "showsDraft", target: ".draft" },
  { guard: "showsOpen", target: ".open" },
  { guard: "showsMerged", target: ".merged" },
  { guard: "showsClosed", target: ".closed" },
] as const;
export const ENDING = [
  { guard: "wantsRunning", target: ".running" },
  { guard: "wantsClosed", target: ".stopped.closed" },
  { guard: "wantsClosing", target: ".stopped.closing" },
] as const;

/** The end of the lifecycle: whatever the other regions make of a message, only a restore leads away from it (N4). */
export const STAYS = {
  "runtime.observed": {},
  "inspectTerminal.done": {},
  "inspectTerminal.failed": {},
  "activity.observed": {},
  "scm.observed": {},
  "session.report": { actions: "noteReport" },
  "session.kill": {},
  "session.restore": AGAIN,
  "child.started": AGAIN,
  "child.exited": AGAIN,
  "child.stopped": AGAIN,
  "child.quarantined": {},
  "mail.undeliverable": AGAIN,
  "timer.lease": AGAIN,
  "timer.watch": {},
  "timer.restart": AGAIN,
} as const;
