import type { SessionView } from "../../http/session/view.ts";
import { part } from "../cli/api.ts";
import { client } from "../cli/client.ts";
import { settled, type Outcome, type Standing } from "../cli/settled.ts";
import { whyOf } from "./session-list.ts";

// Session outcomes
//
// What is waited for once a session was ordered to begin, or to end.

// A command tells by itself how it is, or never: long enough for a shell to come to its first word.
const WORD_WITHIN_MS = 5_000;

/** Its agent has said what it does, or cannot; one that runs as a command may say nothing, and then it runs. */
export function begun({ id }: SessionView): Outcome<SessionView> {
  return beginning(id, "failed");
}

/** The same of one that was restored, and begins once its end is over. */
export function begunAgain({ id }: SessionView): Outcome<SessionView> {
  return beginning(id, "open");
}

function beginning(id: string, stopped: "failed" | "open"): Outcome<SessionView> {
  const begins = (session: SessionView): Standing<SessionView> => {
    const { lifecycle, status: words, wanted } = session;
    if (wanted !== "running") return { fact: session, is: stopped, words };
    if (lifecycle.state === "terminated") return { fact: session, is: "failed", words };
    return { fact: session, is: words === "spawning" ? "open" : "reached", words };
  };
  const said = outcomeOf(id, async (signal) => begins(await sessionOf(id, signal)));
  return outcomeOf(id, async (signal) => {
    const now = begins(await sessionOf(id, signal));
    const { harness, terminal } = now.fact;
    if (now.is !== "open" || harness !== "command" || terminal.state !== "live") return now;
    const soon = AbortSignal.any([signal, AbortSignal.timeout(WORD_WITHIN_MS)]);
    const last = await settled({ signal: soon, stages: new Map() }, said, now);
    return last.is === "open" && !signal.aborted ? { ...last, is: "reached" } : last;
  });
}

/** Nothing of it runs, and its worktree is gone, or kept for what would be lost with it. */
export function ended({ id }: SessionView): Outcome<SessionView> {
  return outcomeOf(id, async (signal) => {
    const actor = await client(process.env).request("GET", `/actors/session/${part(id)}`, {
      signal,
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- daemon and command line are of one version
    const { wanted } = (actor as { value: { wanted: "running" | { stopped: string } } }).value;
    const fact = await sessionOf(id, signal);
    if (wanted === "running") return { fact, is: "failed", words: fact.status };
    return { fact, is: wanted.stopped === "closed" ? "reached" : "open", words: "is being ended" };
  });
}

function outcomeOf(id: string, look: Outcome<SessionView>["look"]): Outcome<SessionView> {
  return { name: id, address: `session/${id}`, next: `ao show ${id}`, look };
}

async function sessionOf(id: string, signal: AbortSignal): Promise<SessionView> {
  const path = `/sessions/${part(id)}`;
  const session = await client(process.env).request("GET", path, { signal });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return session as SessionView;
}

/** A session in a line, with why it stands so. */
export function lineOf(session: SessionView): string {
  const { id, status, lifecycle } = session;
  const why = lifecycle.state === "terminated" ? whyOf(session) : "";
  return `session ${id}: ${status}${why === "" ? "" : ` (${why})`}`;
}
