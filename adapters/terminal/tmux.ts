import type { ReadStream } from "node:fs";
import { execa } from "execa";
import { Failure } from "../../machines/failures.ts";
import { deadline } from "../deadline.ts";

// Tmux
//
// Runs one tmux command list per call against a private server. Owns how the client is started and what its
// answer means. Does not know what a terminal is.
//
//   X1. No setting of the user reaches it: private socket, no configuration file, no TMUX or TMUX_TMPDIR.
//   X2. The server's folder is `cwd`, never a worktree that may be removed.
//   X3. "No server" and "no such target" are answers. Whatever else goes wrong is TMUX_UNREACHABLE: unknown, not gone.

// sun_path holds 108 bytes on Linux and 104 elsewhere, its end mark included; tmux adds a short suffix for its lock.
const SOCKET_PATH_BYTES = 98;
const CALL_MS = 5_000;

// Of the daemon's environment only this reaches the server, whose memory of it outlives the daemon.
const INHERITED = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TMPDIR",
];

export interface TmuxOptions {
  /** Absolute path of the server's socket. */
  readonly socket: string;
  /** A folder that stays for as long as the server may run. */
  readonly cwd: string;
  readonly program?: string;
  /** Limit of one call, milliseconds. */
  readonly timeoutMs?: number;
}

export type TmuxAnswer =
  | { readonly type: "done"; readonly stdout: string }
  | { readonly type: "no-server" }
  /** The server runs, the named session, window or pane is not there. */
  | { readonly type: "no-target"; readonly message: string }
  | { readonly type: "refused"; readonly message: string };

export interface TmuxCall {
  /** An open file; the client reads the file itself, nothing is piped through this process. */
  readonly stdin?: ReadStream;
  readonly signal?: AbortSignal;
}

export interface Tmux {
  /** The server's. */
  readonly socket: string;
  /** argv of a client of this server, up to its command. */
  readonly argv: readonly string[];
  /**
   * Runs commands, separated by ";". Fails with TMUX_UNREACHABLE when what happened is unknown,
   * PROGRAM_MISSING without tmux, DEADLINE_PASSED when the signal aborts.
   */
  run(args: readonly string[], call?: TmuxCall): Promise<TmuxAnswer>;
}

/** A client of one private server. Fails with CONFIG_INVALID when the socket's path is too long for a socket. */
export function tmuxClient(options: TmuxOptions): Tmux {
  const bytes = Buffer.byteLength(options.socket);
  if (bytes > SOCKET_PATH_BYTES) {
    throw new Failure(
      "CONFIG_INVALID",
      `use ${options.socket} as tmux socket: the path has ${bytes} bytes, a socket takes ${SOCKET_PATH_BYTES}; choose a shorter AO_HOME`,
    );
  }
  const program = options.program ?? "tmux";
  // -u: in the C locale tmux turns every character that is not ASCII into "_".
  const flags = ["-S", options.socket, "-f", "/dev/null", "-u"];
  return {
    socket: options.socket,
    argv: [program, ...flags],
    async run(args, call = {}) {
      using due = deadline(options.timeoutMs ?? CALL_MS);
      const limit = due.signal;
      const tried = `tmux ${args[0] ?? ""} on ${options.socket}`;
      const argv = [program, ...flags, ...args];
      for (let clients = 1; ; clients += 1) {
        const result = await runClient(argv, options.cwd, { ...call, limit });
        // Asked first: output that was cut off can look like a success.
        if (call.signal?.aborted) {
          throw new Failure("DEADLINE_PASSED", `${tried}: stopped before it answered`);
        }
        if (limit.aborted) throw new Failure("TMUX_UNREACHABLE", `${tried}: no answer in time`);
        if (!result.failed) return { type: "done", stdout: result.stdout };
        // A file that was read, even in part, cannot be read again.
        const isEnding = ENDING.test(result.stderr) && !call.stdin;
        if (!isEnding || clients === CLIENTS) return answerOf(result, tried);
      }
    },
  };
}

// What a client hears of a server whose last pane was just closed, or that was killed; the next client learns
// what is now. Servers end within milliseconds: one that does it every time has a reason to be told.
const CLIENTS = 5;
const ENDING = /^(server exited|lost server)/m;

async function runClient(
  [program = "", ...args]: readonly string[],
  cwd: string,
  { stdin, signal, limit }: TmuxCall & { limit: AbortSignal },
): Promise<Ended> {
  const client = execa(program, args, {
    cwd,
    env: environment(),
    extendEnv: false,
    stdin: stdin ?? "ignore",
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 64 * 1_048_576,
  });
  // The client hands its pipes to the server. One that is stuck keeps them open after the client's death,
  // so their end must not be waited for.
  const stop = () => {
    client.kill("SIGKILL");
    client.stdout.destroy();
    client.stderr.destroy();
  };
  const stopped = signal ? AbortSignal.any([signal, limit]) : limit;
  stopped.addEventListener("abort", stop);
  if (stopped.aborted) stop();
  const result = await client;
  stopped.removeEventListener("abort", stop);
  return result;
}

/** What a client that did not succeed tells; fails when it tells nothing of the server. */
function answerOf(result: Ended, tried: string): TmuxAnswer {
  if (result.code === "ENOENT") {
    throw new Failure("PROGRAM_MISSING", `${tried}: ${result.shortMessage}`, { cause: result });
  }
  const stderr = result.stderr.trim();
  const answer = result.isTerminated ? undefined : meaningOf(stderr);
  if (answer) return answer;
  const seen = stderr || result.shortMessage;
  throw new Failure("TMUX_UNREACHABLE", `${tried}: ${seen}`, { cause: result });
}

interface Ended {
  readonly failed: boolean;
  readonly stdout: string;
  readonly code?: string | undefined;
  readonly isTerminated: boolean;
  readonly stderr: string;
  readonly shortMessage?: string | undefined;
}

/** What of this process reaches tmux. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function meaningOf(stderr: string): TmuxAnswer | undefined {
  if (/^no server running on /m.test(stderr)) return { type: "no-server" };
  if (/^error connecting to .* \(No such file or directory\)$/m.test(stderr))
    return { type: "no-server" };
  if (/^can't find (session|window|pane)/m.test(stderr))
    return { type: "no-target", message: stderr };
  const isUnknown =
    /^(error connecting to |server exited|lost server|server not found|protocol version)/m;
  if (stderr === "" || isUnknown.test(stderr)) return undefined;
  return { type: "refused", message: stderr };
}

/** An argument as tmux must be given it: one that ends in ";" would end the command. */
export function argument(text: string): string {
  return text.endsWith(";") ? `${text.slice(0, -1)}\\;` : text;
}
