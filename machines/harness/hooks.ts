import type { z } from "zod";
import type { ActivityObservation } from "../observations.ts";
import { limitedUntil, saysLimit } from "./quota.ts";

// Hooks
//
// What an agent's hook said, as an observation of its activity. Pure; what is not understood is no observation.
//
//   K1. An event is named the same whichever harness says it: `SessionStart` is `session-start`.
//   K2. What a harness says in its own way stands in its own table; all else is the table of all.
//   K3. A conversation is known from the first prompt on: one that was only opened may not be there to be resumed.
//   K4. A turn that ended at a limit of the harness says until when, as far as it tells (`quota.ts`).

type Activity = z.input<typeof ActivityObservation>;
type State = Activity["state"];
type Said = Readonly<Record<string, unknown>>;
/** When it was said, milliseconds since 1970, and the zone of clocks there. */
type When = { readonly at: number; readonly zone: string };

const OF_ALL: Readonly<Record<string, State>> = {
  "session-start": "active",
  "user-prompt-submit": "active",
  "pre-tool-use": "active",
  "post-tool-use": "active",
  "post-tool-use-failure": "active",
  // A menu of answers: a text typed there would pick one.
  "permission-request": "blocked",
  "permission-replied": "active",
  stop: "idle",
  "stop-failure": "idle",
  interrupt: "idle",
  "session-end": "exited",
  // A program without hooks of its own may say what it does in so many words.
  active: "active",
  ready: "ready",
  idle: "idle",
  waiting_input: "waiting_input",
  blocked: "blocked",
  exited: "exited",
};

const TEXT_CHARS = 1_000;
const NAME_CHARS = 256;

/** The observation that an event comes to; undefined when it says nothing of what the agent does. */
export function activityOfHook(
  harness: string,
  named: string,
  said: Said,
  { at, zone }: When,
): Activity | undefined {
  const event = eventOf(named);
  const own = harness === "claude-code" ? ofClaudeCode(event, said) : undefined;
  if (own === null) return undefined;
  const state = own ?? OF_ALL[event];
  if (state === undefined) return undefined;
  return {
    state,
    source: "hook",
    event,
    ...textMember("toolName", said["tool_name"], NAME_CHARS),
    ...textMember("toolUseId", said["tool_use_id"], NAME_CHARS),
    ...(event === "session-start"
      ? {}
      : textMember("agentSessionId", said["session_id"], NAME_CHARS)),
    ...textMember("text", wordsOf(event, said), TEXT_CHARS),
    ...limitIn(event, said, { at, zone }),
  };
}

/** A limit that ended the turn (K4). */
function limitIn(event: string, said: Said, { at, zone }: When): { limitedUntil?: number } {
  if (event !== "stop" && event !== "stop-failure") return {};
  const words = wordsOf(event, said);
  const text = typeof words === "string" ? words : "";
  const isNamed = event === "stop-failure" && said["error"] === "rate_limit";
  return isNamed || saysLimit(text) ? { limitedUntil: limitedUntil(text, at, zone) } : {};
}

function eventOf(named: string): string {
  return named.replaceAll(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
}

/** What Claude Code means by it; undefined when it means what all mean, null when nothing. */
function ofClaudeCode(event: string, said: Said): State | null | undefined {
  switch (event) {
    case "session-start":
      // It is at its prompt again, and nobody has said anything yet.
      return said["source"] === "compact" ? null : resting(said);
    case "notification":
      return ofNotice(said);
    case "session-end":
      // Another conversation follows in the same process.
      return said["reason"] === "clear" || said["reason"] === "resume" ? null : undefined;
    default:
      return undefined;
  }
}

function resting(said: Said): State | undefined {
  return said["source"] === "resume" || said["source"] === "clear" ? "idle" : undefined;
}

const NOTICES: Readonly<Record<string, State>> = {
  idle_prompt: "idle",
  agent_completed: "idle",
  agent_needs_input: "waiting_input",
  elicitation_dialog: "waiting_input",
  permission_prompt: "blocked",
};

function ofNotice(said: Said): State | null {
  const type = said["notification_type"];
  if (typeof type === "string" && type !== "") return NOTICES[type] ?? null;
  // Before it gave its notices a type.
  const text = String(said["message"]).toLowerCase();
  if (text.includes("permission")) return "blocked";
  return /idle|waiting/.test(text) ? "waiting_input" : null;
}

/** What was said in words: the prompt that was taken, or the agent's last ones. */
function wordsOf(event: string, said: Said): unknown {
  if (event === "user-prompt-submit") return said["prompt"];
  if (event === "stop") return said["last_assistant_message"];
  // How an API error is told differs with its version.
  if (event === "stop-failure") {
    return said["last_assistant_message"] ?? said["error_details"] ?? said["message"];
  }
  return said["message"];
}

function textMember(name: string, value: unknown, most: number): Record<string, string> {
  return typeof value === "string" && value !== "" ? { [name]: value.slice(0, most) } : {};
}
