import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { onTestFinished } from "vitest";
import { takeWriterLock } from "../../storage/writer-lock.ts";
import { versionOf } from "../../bin/version.ts";
import { tempFolder } from "./folder.ts";
import { OWNER, served, type Served } from "./http.ts";

/** The file that Node runs, as the launcher has it run: with its compiled code kept, half the work of a start. */
export const AO = fileURLToPath(new URL("../../bin/entry.js", import.meta.url));

export interface Said {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}
export interface CommandLine {
  readonly home: string;
  /** Runs the real command line against this home. */
  readonly ao: (
    args: readonly string[],
    more?: { input?: string; env?: Record<string, string> },
  ) => Promise<Said>;
  /** What `--json` printed. */
  readonly json: (args: readonly string[]) => Promise<unknown>;
}

/** A command line for a home in which nothing runs. */
export function commandLine(home: string = tempFolder()): CommandLine {
  const ao: CommandLine["ao"] = async (args, { input = "", env = {} } = {}) => {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [AO, ...args], {
      input,
      env: { PATH: process.env["PATH"], AO_HOME: home, HOME: home, ...env },
      extendEnv: false,
      reject: false,
      timeout: 25_000,
    });
    return { code: exitCode, out: stdout, err: stderr };
  };
  return {
    home,
    ao,
    async json(args) {
      const { out, err } = await ao([...args, "--json"]);
      if (out === "") throw new Error(`${args.join(" ")} printed nothing: ${err}`);
      const parsed: unknown = JSON.parse(out);
      return parsed;
    },
  };
}

/** A command line for a home whose daemon is a system in memory that listens on a free port. */
export async function connected(
  options: Parameters<typeof served>[0] = {},
): Promise<CommandLine & { readonly server: Served }> {
  const server = await served(options);
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  const line = commandLine();
  pointTo(line.home, url);
  return { ...line, server };
}

/** Holds a home as a daemon at a URL would; its process is this one. */
export function pointTo(home: string, url: string, version = versionOf()): void {
  mkdirSync(home, { recursive: true });
  const lock = takeWriterLock(home);
  onTestFinished(() => lock.release());
  const run = { pid: process.pid, url, token: OWNER, natsUrl: "", startedAt: 1, version };
  writeFileSync(join(home, "run.json"), JSON.stringify(run));
}
