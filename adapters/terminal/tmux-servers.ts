import { readdir, readFile } from "node:fs/promises";
import type { Tmux } from "./tmux.ts";

/** The tmux servers that were started for a socket, by their pids, whether it still leads to them or not. */
export interface TmuxServers {
  /** The one that answers there. */
  readonly answering: number | undefined;
  /** Those that nobody reaches: their socket was moved, removed or replaced. */
  readonly lost: readonly number[];
}

/** Looks for the servers of a socket; finds none that is lost where there is no /proc. */
export async function tmuxServers(socket: string, tmux: Tmux): Promise<TmuxServers> {
  const answer = await tmux.run(["display-message", "-p", "#{pid}"]);
  const answering = answer.type === "done" ? Number(answer.stdout.trim()) : undefined;
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const ours = await Promise.all(pids.map(async (pid) => isServerOf(pid, socket)));
  return { answering, lost: pids.filter((pid, index) => ours[index] && pid !== answering) };
}

/** A server keeps the arguments of the client that started it, and names itself. */
async function isServerOf(pid: number, socket: string): Promise<boolean> {
  const text = async (file: string): Promise<string> =>
    readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
  if (!(await text("comm")).startsWith("tmux: server")) return false;
  const [, flag, path] = (await text("cmdline")).split("\0");
  return flag === "-S" && path === socket;
}
