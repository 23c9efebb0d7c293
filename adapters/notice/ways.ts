import { createHmac } from "node:crypto";
import { execa } from "execa";
import { Failure } from "../../machines/failures.ts";
import type { Notice } from "./ledger.ts";

// Notice ways
//
// How a notice reaches a person: a program on this machine, or a POST to an address.
//
//   Y1. Telling ends at its deadline, and a program that is still at it is ended with its whole group.
//   Y2. Each carries the notice's id: after a kill of the daemon it may come again, and whoever is told can know.
//   Y3. What another try cannot mend is NOTIFY_REFUSED: no such program, an answer of the 4xx kind.

/** What is told: the notice, and how many like it were held back before. */
export type Telling = Notice & { readonly heldBefore: number };

export interface Way {
  readonly name: string;
  /** Fails with NOTIFY_FAILED or NOTIFY_REFUSED. */
  tell(telling: Telling, signal: AbortSignal): Promise<void>;
}

/** Runs a program with the notice as JSON on its standard input, and as AO_NOTICE_ variables. */
export function commandWay(options: {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly deadlineMs: number;
}): Way {
  const [program = "", ...args] = options.argv;
  return {
    name: "command",
    async tell(telling, signal) {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.deadlineMs)]);
      const child = execa(program, args, {
        cwd: options.cwd,
        env: environmentOf(telling),
        extendEnv: false,
        input: JSON.stringify(telling),
        stdout: "ignore",
        stderr: "pipe",
        buffer: false,
        // Its own process group, so that all of it can be ended (Y1).
        detached: true,
        reject: false,
      });
      let said = "";
      child.stderr.on(
        "data",
        (chunk: Buffer) => (said = (said + chunk.toString()).slice(-SAID_CHARS)),
      );
      const seen = await endOf(child.nodeChildProcess, deadline);
      child.stderr.destroy();
      await child;
      if (seen.type === "exited" && seen.code === 0) return;
      throw commandFailure(program, { seen, said, deadlineMs: options.deadlineMs });
    },
  };
}

/** POSTs the notice as JSON, signed when there is a secret. */
export function webhookWay(options: {
  readonly url: string;
  readonly secret: string | undefined;
  readonly deadlineMs: number;
  readonly now: () => number;
}): Way {
  const { url, secret, deadlineMs, now } = options;
  const tried = `post to ${new URL(url).host}`;
  return {
    name: "webhook",
    async tell(telling, signal) {
      const body = JSON.stringify(telling);
      const response = await fetch(url, {
        method: "POST",
        body,
        headers: {
          "content-type": "application/json",
          "idempotency-key": telling.noticeId,
          ...(secret !== undefined && signature(secret, now(), body)),
        },
        // What is told must not go to where nobody set it up.
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      }).catch((cause: unknown) => {
        throw new Failure("NOTIFY_FAILED", `${tried}: ${reasonOf(cause)}`, { cause });
      });
      await response.body?.cancel();
      if (response.ok) return;
      const isPassing = response.status >= 500 || response.status === 429;
      throw new Failure(
        isPassing ? "NOTIFY_FAILED" : "NOTIFY_REFUSED",
        `${tried}: it answered ${response.status}`,
      );
    },
  };
}

const SAID_CHARS = 500;
// Any other reason, such as a machine that is out of processes, passes.
const NO_PROGRAM: ReadonlySet<string> = new Set(["ENOENT", "EACCES", "ENOTDIR", "ENOEXEC"]);

type End =
  | { readonly type: "exited"; readonly code: number | null; readonly signal: string | null }
  | { readonly type: "unstarted"; readonly message: string; readonly isForGood: boolean }
  | { readonly type: "late" };

/** How the program ended. One that leaves something behind has ended all the same. */
async function endOf(
  child: {
    readonly pid?: number | undefined;
    once(event: "exit", told: (code: number | null, signal: string | null) => void): unknown;
    once(event: "error", told: (error: NodeJS.ErrnoException) => void): unknown;
  },
  deadline: AbortSignal,
): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  const late = (): void => {
    if (child.pid !== undefined) endGroup(child.pid);
    resolve({ type: "late" });
  };
  child.once("exit", (code, signal) => resolve({ type: "exited", code, signal }));
  child.once("error", ({ message, code = "" }) =>
    resolve({ type: "unstarted", message, isForGood: NO_PROGRAM.has(code) }),
  );
  deadline.addEventListener("abort", late, { once: true });
  if (deadline.aborted) late();
  const end = await promise;
  deadline.removeEventListener("abort", late);
  return end;
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function commandFailure(
  program: string,
  { seen, said, deadlineMs }: { seen: End; said: string; deadlineMs: number },
): Failure {
  const tried = `run ${program}`;
  if (seen.type === "unstarted") {
    const code = seen.isForGood ? "NOTIFY_REFUSED" : "NOTIFY_FAILED";
    return new Failure(code, `${tried}: ${seen.message}`);
  }
  if (seen.type === "late") {
    return new Failure(
      "NOTIFY_FAILED",
      `${tried}: not done after ${deadlineMs} ms, so it was ended`,
    );
  }
  const how = seen.signal === null ? `exited with ${seen.code}` : `was ended by ${seen.signal}`;
  const words = said.trim() === "" ? "" : `: ${said.trim()}`;
  return new Failure("NOTIFY_FAILED", `${tried}: it ${how}${words}`);
}

/** The daemon's environment without what is its own, and the notice. No variable can hold a NUL. */
function environmentOf(telling: Telling): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith("AO_"),
  );
  const told = {
    ID: telling.noticeId,
    TYPE: telling.type,
    PRIORITY: telling.priority,
    SESSION: telling.sessionId,
    PROJECT: telling.projectId,
    TITLE: telling.title,
    TEXT: telling.text,
    ABOUT: telling.about,
    AT: String(telling.at),
    HELD_BEFORE: String(telling.heldBefore),
  };
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(
      Object.entries(told).map(([name, value]) => [
        `AO_NOTICE_${name}`,
        value.replaceAll("\0", ""),
      ]),
    ),
  };
}

/** As GitHub signs, with the time in it so that what was overheard cannot be told again later. */
function signature(secret: string, at: number, body: string): Record<string, string> {
  const sum = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
  return { "ao-timestamp": String(at), "ao-signature": `sha256=${sum}` };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? cause.message : error.message;
}
