// Session targets
//
// Where messages that more than one region hears lead to, region by region; the chart in session.ts is made of them.

// What the end of a child can lead to, region by region, whoever tells of it.
export const OVER_OR_AGAIN = [
  { guard: "saysTerminated", target: ".terminated" },
  { guard: "saysDone", target: ".done" },
  { guard: "saysNotStarted", target: ".not_started" },
] as const;
export const SILENT = [
  { guard: "hearsExited", target: ".exited" },
  { guard: "hearsNothing", target: ".none" },
] as const;
const AGAIN = { guard: "saysNotStarted", target: "not_started" } as const;
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
  "timer.restart": AGAIN,
} as const;
