import type { Way } from "../kind.ts";

/** How most objectives go; all ways there are: docs/objectives.md. */
export const USUAL_OBJECTIVE: readonly Way[] = [
  ["starting", "driving.turn_running"],
  ["driving.turn_running", "driving.turn_ended"],
  ["driving.turn_ended", "driving.turn_running"],
  ["driving.turn_ended", "driving.waiting_for_workers"],
  ["driving.waiting_for_workers", "driving.turn_ended"],
  ["driving.turn_ended", "driving.parked_on_pr"],
  ["driving.parked_on_pr", "driving.turn_ended"],
  ["driving.turn_ended", "driving.waiting_for_user"],
  ["driving.waiting_for_user", "driving.turn_ended"],
  ["driving.turn_ended", "driving.poked"],
  ["driving.poked", "driving.turn_running"],
  ["driving.turn_running", "driving.waiting_for_quota"],
  ["driving.waiting_for_quota", "driving.turn_running"],
  ["driving.turn_running", "recovering"],
  ["recovering", "starting"],
  ["recovering", "escalated"],
  ["driving.turn_running", "done"],
];
