import type { z } from "zod";
import { jsonBytes, type Publication } from "../bus/bus.ts";
import { commandSubject, observationSubject } from "../bus/subjects.ts";
import { activityOfHook } from "../machines/harness/hooks.ts";
import { ActivityObservation } from "../machines/observations.ts";

// Hook files
//
// What bin/hook wrote down, read: `hook.<session>.<epoch>.<number>.said`, its first line harness and event, the rest what
// the agent said. `review.<terminal>.…` is of a reviewer, and its first line ends with the reviewer's token.
//
//   H1. The id is session, epoch and number, so that a file which is read twice counts once.
//   H3. A reviewer is believed for its token, and only of the terminal and epoch that the token was made for.
//   H2. What was cut, or is no JSON, still says the names that stand in it.

const NAME = /^(hook|review)\.([A-Za-z0-9_-]{1,64})\.(\d{1,15})\.(\d{15})\.said$/;
// Of this machine. To ask for it takes longer than to read the file, and no daemon outlives a change of it for long.
const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const FIELDS = ["session_id", "tool_name", "tool_use_id", "notification_type", "source", "reason"];

/** When what a file of this name says was said, as its place among others; undefined for a file of another kind. */
export function hookOrder(name: string): number | undefined {
  const number = NAME.exec(name)?.[4];
  return number === undefined ? undefined : Number(number);
}

/** A reviewer of a session, as its token names it. */
export interface ReviewerClaim {
  readonly sessionId: string;
  readonly terminal: string;
  readonly epoch: number;
}

type ClaimOf = (token: string) => ReviewerClaim | undefined;
type Said = Publication & { readonly id: string };

/** What to publish of a file; undefined when it says nothing of what the agent does. Throws when it is of no such shape. */
export function hookPublication(
  name: string,
  text: string,
  { at, claimOf = () => undefined }: { readonly at: number; readonly claimOf?: ClaimOf },
): Said | undefined {
  const [, kind, session, epoch, number] = NAME.exec(name) ?? [];
  const end = text.indexOf("\n");
  const [harness, event, token = ""] = text.slice(0, Math.max(0, end)).split(" ");
  if (session === undefined || harness === undefined || event === undefined)
    throw new Error("it is not what bin/hook writes");
  const activity = activityOfHook(harness, event, saidIn(text.slice(end + 1)), {
    at: Math.floor(at),
    zone: ZONE,
  });
  if (activity === undefined) return undefined;
  const data = ActivityObservation.parse({ ...activity, epoch: Number(epoch) });
  const id = `hook:${session}:${epoch}:${Number(number)}`;
  const headers = { "Ao-At": String(Math.floor(at)) };
  if (kind === "review") {
    const claim = claimOf(token);
    if (claim?.terminal !== session || claim.epoch !== Number(epoch))
      throw new Error(`its token is of no reviewer at ${session}`);
    return { id, headers, ...reviewerWord(claim, { id, at: Math.floor(at), data }) };
  }
  const subject = observationSubject("activity", session);
  return { id, headers, subject, body: jsonBytes(data) };
}

/** What a reviewer says that it does, to the review that it works for (H3). */
function reviewerWord(
  { sessionId, terminal, epoch }: ReviewerClaim,
  { id, at, data }: { id: string; at: number; data: z.infer<typeof ActivityObservation> },
): Pick<Said, "subject" | "body"> {
  const { state, agentSessionId } = data;
  const said = { claim: { terminal, epoch }, state, ...(agentSessionId && { agentSessionId }) };
  const body = jsonBytes({ id, type: "review.activity", at, data: said });
  return { subject: commandSubject(`review/${sessionId}`), body };
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
