import type { SessionView } from "../../http/session/view.ts";
import { OUT_OF_SIGHT } from "../../machines/session/status.ts";
import { look, part } from "../cli/api.ts";
import { settled, type Outcome, type Standing } from "../cli/settled.ts";
import { whyOf } from "./session-list.ts";

// Session outcomes
//
// What is waited for once a session was ordered to begin, or to end.

// A command tells by itself how it is, or never: long enough for a shell to come to its first word.
const WORD_WITHIN_MS = 5_000;

/** Its agent has said what it does, or cannot; one that runs as a command may say nothing, and then it runs. */
export function begun({ id }: SessionView): Outcome<SessionView> {
  const said = outcomeOf(id, async (signal) => beginning(await sessionOf(id, signal)));
  return outcomeOf(id, async (signal) => {
    // One that was restored while it ended begins once it has stopped. Asked first: what begins meanwhile runs then.
    const isRestoring = await waitsForItsEnd(id, signal);
    const session = await sessionOf(id, signal);
    const now = isRestoring
      ? { fact: session, is: "open" as const, words: "ends first" }
      : beginning(session);
    if (!mayBeMute(now)) return now;
    const soon = AbortSignal.any([signal, AbortSignal.timeout(WORD_WITHIN_MS)]);
    const last = await settled({ signal: soon, stages: new Map() }, said, now);
    return mayBeMute(last) && !signal.aborted ? { ...last, is: "reached" } : last;
  });
}

/** How a session stands that is to begin. One in doubt may be gone; one that is stuck by that doubt has not begun. */
export function beginning(fact: SessionView): Standing<SessionView> {
  const { lifecycle, status: words, statusReason, wanted } = fact;
  const isOver = wanted !== "running" || lifecycle.state === "terminated";
  const isUnseen = lifecycle.state === "stuck" && OUT_OF_SIGHT.has(statusReason);
  if (isOver || isUnseen) return { fact, is: "failed", words };
  const isOpen = words === "spawning" || lifecycle.state === "detecting";
  return { fact, is: isOpen ? "open" : "reached", words };
}

/** Whether it runs as a command that may never say a word. */
function mayBeMute({ is, fact: { harness, status, terminal } }: Standing<SessionView>): boolean {
  const runs = status === "spawning" && terminal.state === "live";
  return is === "open" && harness === "command" && runs;
}

async function waitsForItsEnd(id: string, signal: AbortSignal): Promise<boolean> {
  const { context } = await actorOf(id, signal);
  return context.restore?.isWaiting === true;
}

/** Nothing of it runs, and its worktree is gone, or kept for what would be lost with it. */
export function ended({ id }: SessionView): Outcome<SessionView> {
  return outcomeOf(id, async (signal) => {
    const { wanted } = (await actorOf(id, signal)).value;
    const fact = await sessionOf(id, signal);
    if (wanted === "running") return { fact, is: "failed", words: fact.status };
    return { fact, is: wanted.stopped === "closed" ? "reached" : "open", words: "is being ended" };
  });
}

interface SessionActor {
  readonly value: { readonly wanted: "running" | { readonly stopped: string } };
  readonly context: { readonly restore: { readonly isWaiting: boolean } | null };
}

async function actorOf(id: string, signal: AbortSignal): Promise<SessionActor> {
  return look<SessionActor>(`/actors/session/${part(id)}`, signal);
}

function outcomeOf(id: string, seen: Outcome<SessionView>["look"]): Outcome<SessionView> {
  return { name: id, address: `session/${id}`, next: `ao show ${id}`, look: seen };
}

async function sessionOf(id: string, signal: AbortSignal): Promise<SessionView> {
  return look<SessionView>(`/sessions/${part(id)}`, signal);
}

/** A session in a line, with why it stands so. */
export function lineOf(session: SessionView): string {
  const { id, status, lifecycle } = session;
  const why = lifecycle.state === "terminated" ? whyOf(session) : "";
  return `session ${id}: ${status}${why === "" ? "" : ` (${why})`}`;
}
