import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { startNatsServer } from "../../bus/nats-server.ts";
import { readRunFile, type RunFile } from "../run-file.ts";
import { givenUp } from "./patience.ts";

// Demo house
//
// The daemon of the demo as a process, and its doors. Whoever asks for something while it was killed asks again under the
// same key, so nothing is done twice by it.

const REQUEST_MS = 15_000;

export interface House {
  /** Where it is now; undefined before it was ever up. */
  where(): RunFile | undefined;
  up(): Promise<void>;
  /** Ends it with a signal, and waits until it is gone. */
  stop(signal: NodeJS.Signals): Promise<void>;
  get(path: string): Promise<unknown>;
  post(path: string, body?: object): Promise<unknown>;
  /** Runs the command `ao` as a person would; never fails by its exit code. */
  ao(...args: string[]): Promise<{ exitCode: number; words: string }>;
  /** Waits until something holds. Fails when nothing goes on any more. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** The last words of the daemon; empty when it said nothing. */
  log(): string;
  /** Ends what outlives a daemon that was killed: panes and the nats-server. */
  sweep(): Promise<void>;
  /** Lets the daemon outlive this process. */
  release(): void;
  /** From now on another signal ends what is waited for. */
  heed(signal: AbortSignal): void;
}

/** A house that nobody lives in yet. `entry`: argv that runs this very `ao`. */
export function house(options: {
  readonly root: string;
  readonly home: string;
  readonly entry: readonly string[];
  readonly signal: AbortSignal;
  /** When anything of the job went on last, milliseconds since 1970. */
  readonly movedAt: () => number;
}): House {
  return new OwnHouse(options);
}

class OwnHouse implements House {
  readonly #options: Parameters<typeof house>[0];
  #signal: AbortSignal;
  #daemon: ChildProcess | undefined;
  #run: RunFile | undefined;

  constructor(options: Parameters<typeof house>[0]) {
    this.#options = options;
    this.#signal = options.signal;
  }

  where(): RunFile | undefined {
    return this.#run;
  }

  async up(): Promise<void> {
    const { root, home } = this.#options;
    const log = openSync(join(root, "daemon.log"), "a");
    const [program, args] = this.#argv(["up"]);
    const daemon = spawn(program, args, {
      env: { ...process.env, AO_HOME: home },
      stdio: ["ignore", log, log],
      detached: true,
    });
    this.#daemon = daemon;
    await this.until("the daemon", async () => {
      if (daemon.exitCode !== null) throw new Error("the daemon ended");
      const run = readRunFile(home);
      if (run?.pid !== daemon.pid) return Promise.resolve(false);
      this.#run = run;
      return true;
    });
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = new Promise((resolve) => {
      daemon.once("exit", resolve);
    });
    daemon.kill(signal);
    await gone;
  }

  async get(path: string): Promise<unknown> {
    return this.#ask("GET", path);
  }

  async post(path: string, body: object = {}): Promise<unknown> {
    return this.#ask("POST", path, body);
  }

  async ao(...given: string[]): Promise<{ exitCode: number; words: string }> {
    const [program, args] = this.#argv(given);
    const env = { ...process.env, AO_HOME: this.#options.home };
    const { signal } = this.#options;
    return new Promise((resolve) => {
      execFile(program, args, { env, signal, maxBuffer: 8_388_608 }, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : Number(error.code ?? 1);
        resolve({ exitCode, words: `${stdout}${stderr}` });
      });
    });
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const startedAt = Date.now();
    while (!(await holds())) await this.#rest(startedAt, `wait for ${what}`);
  }

  log(): string {
    const file = join(this.#options.root, "daemon.log");
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    return text.trimEnd().split("\n").slice(-15).join("\n");
  }

  async sweep(): Promise<void> {
    const { home } = this.#options;
    const endPanes = ["-S", join(home, "tmux.sock"), "kill-server"];
    await promisify(execFile)("tmux", endPanes).catch(() => {});
    // Without a nats-server there is none to end.
    await startNatsServer({ home }).then(
      async (server) => server.stop(),
      () => {},
    );
  }

  release(): void {
    this.#daemon?.unref();
  }

  heed(signal: AbortSignal): void {
    this.#signal = signal;
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const key = randomUUID();
    const startedAt = Date.now();
    for (;;) {
      this.#signal.throwIfAborted();
      const answer = await this.#tried(method, path, { body, key });
      if (answer !== undefined) return answer.value;
      await this.#rest(startedAt, `${method} ${path}: no daemon answers`);
    }
  }

  /** Between two looks. Fails when it is no use to look again. */
  async #rest(startedAt: number, tried: string): Promise<void> {
    this.#signal.throwIfAborted();
    const why = givenUp({ startedAt, movedAt: this.#options.movedAt(), now: Date.now() });
    if (why !== undefined) throw new Error(`${tried}: ${why}`);
    await delay(150);
  }

  /** The answer; undefined when there was nobody to give one. */
  async #tried(
    method: string,
    path: string,
    { body, key }: { body: object | undefined; key: string },
  ): Promise<{ value: unknown } | undefined> {
    const run = this.#run;
    if (run === undefined) return undefined;
    const response = await fetch(`${run.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${run.token}`,
        ...(body !== undefined && { "content-type": "application/json", "idempotency-key": key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(REQUEST_MS)]),
    })
      .then(async (got) => ({ status: got.status, text: await got.text() }))
      .catch(() => undefined);
    if (response === undefined || response.status === 503) return undefined;
    const { status, text } = response;
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
    return { value: JSON.parse(text) };
  }

  #argv(args: readonly string[]): [string, string[]] {
    const [program = process.execPath, ...first] = this.#options.entry;
    return [program, [...first, ...args]];
  }
}
