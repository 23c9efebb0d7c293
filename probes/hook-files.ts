import type { Publication } from "../bus/bus.ts";
import { observationSubject } from "../bus/subjects.ts";
import { activityOfHook } from "../machines/hooks.ts";
import { ActivityObservation } from "../machines/observations.ts";

// Hook files
//
// What bin/hook wrote down, read: `hook.<session>.<epoch>.<number>.said`, its first line harness and event, the rest what
// the agent said.
//
//   H1. The id is session, epoch and number, so that a file which is read twice counts once.
//   H2. What was cut, or is no JSON, still says the names that stand in it.

const NAME = /^hook\.([A-Za-z0-9_-]{1,64})\.(\d{1,15})\.(\d{15})\.said$/;
const FIELDS = ["session_id", "tool_name", "tool_use_id", "notification_type", "source", "reason"];

/** When what a file of this name says was said, as its place among others; undefined for a file of another kind. */
export function hookOrder(name: string): number | undefined {
  const number = NAME.exec(name)?.[3];
  return number === undefined ? undefined : Number(number);
}

/** What to publish of a file; undefined when it says nothing of what the agent does. Throws when it is of no such shape. */
export function hookPublication(
  name: string,
  text: string,
  at: number,
): (Publication & { readonly id: string }) | undefined {
  const [, session, epoch, number] = NAME.exec(name) ?? [];
  const end = text.indexOf("\n");
  const [harness, event] = text.slice(0, Math.max(0, end)).split(" ");
  if (session === undefined || harness === undefined || event === undefined)
    throw new Error("it is not what bin/hook writes");
  const activity = activityOfHook(harness, event, saidIn(text.slice(end + 1)));
  if (activity === undefined) return undefined;
  const data = ActivityObservation.parse({ ...activity, epoch: Number(epoch) });
  return {
    subject: observationSubject("activity", session),
    id: `hook:${session}:${epoch}:${Number(number)}`,
    headers: { "Ao-At": String(Math.floor(at)) },
    body: new TextEncoder().encode(JSON.stringify(data)),
  };
}

function saidIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return Object.fromEntries(FIELDS.flatMap((field) => namedIn(text, field)));
  }
}

/** A field of a text that was cut (H2): the tool's use is named at its end, all else at its beginning. */
function namedIn(text: string, field: string): [string, string][] {
  const all = [...text.matchAll(new RegExp(String.raw`(?<!\\)"${field}":\s*"([^"\\]*)"`, "g"))];
  const value = (field === "tool_use_id" ? all.at(-1) : all[0])?.[1];
  return value === undefined ? [] : [[field, value]];
}
