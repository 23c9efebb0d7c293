import { execa } from "execa";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { terminals } from "../../../adapters/terminal/terminals.ts";
import { tmuxClient } from "../../../adapters/terminal/tmux.ts";
import { tempFolder } from "../../support/folder.ts";
import { LAUNCHER, recorder, tmuxWorld } from "./tmux-world.ts";
import { freeze } from "../../support/freeze.ts";
import { eventually } from "../../support/eventually.ts";

async function serverPid(socket: string): Promise<number> {
  const { stdout } = await execa("tmux", ["-S", socket, "display-message", "-p", "#{pid}"]);
  return Number(stdout);
}

it("X3: answers that there is no server, before the first one and after it was killed", async () => {
  const { tmux, socket, launch } = tmuxWorld();
  expect(await tmux.run(["list-panes", "-a"])).toEqual({ type: "no-server" });
  await launch({});
  process.kill(await serverPid(socket), "SIGKILL");
  await eventually(async () =>
    expect(await tmux.run(["list-panes", "-a"])).toEqual({ type: "no-server" }),
  );
});

it("X3: answers that a target is not there", async () => {
  const { tmux, launch } = tmuxWorld();
  await launch({});
  expect(await tmux.run(["kill-session", "-t", "=other"])).toMatchObject({ type: "no-target" });
  expect(await tmux.run(["send-keys", "-t", "%99", "x"])).toMatchObject({ type: "no-target" });
});

it("X3: calls a server that does not answer unreachable, not gone", async () => {
  const { socket, launch, home } = tmuxWorld();
  await launch({});
  const pid = await serverPid(socket);
  await freeze(pid);
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  const impatient = tmuxWorld({ home, timeoutMs: 200 });
  await expect(impatient.terminals.listPanes()).rejects.toMatchObject({ code: "TMUX_UNREACHABLE" });
  process.kill(pid, "SIGCONT");
  await expect(impatient.terminals.listPanes()).resolves.toMatchObject([{ process: "alive" }]);
});

it("X3: calls a socket that nobody may open unreachable, not gone", async () => {
  const home = tempFolder();
  const socket = join(home, "file", "tmux.sock");
  await writeFile(join(home, "file"), "");
  const tmux = tmuxClient({ socket, cwd: home });
  await expect(tmux.run(["list-panes"])).rejects.toMatchObject({ code: "TMUX_UNREACHABLE" });
});

it("says that tmux is missing", async () => {
  const home = tempFolder();
  const tmux = tmuxClient({ socket: join(home, "s"), cwd: home, program: "no-such-tmux" });
  await expect(tmux.run(["list-panes"])).rejects.toMatchObject({ code: "PROGRAM_MISSING" });
});

it("stops waiting for tmux when the signal aborts", async () => {
  const { socket, launch, home } = tmuxWorld();
  await launch({});
  const pid = await serverPid(socket);
  await freeze(pid);
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  const call = tmuxClient({ socket, cwd: home }).run(["list-panes", "-a"], {
    signal: AbortSignal.timeout(50),
  });
  await expect(call).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
});

it("refuses a socket path that no socket can have, and says how to help it", () => {
  const home = join(tempFolder(), "long".repeat(30));
  expect(() => tmuxClient({ socket: join(home, "tmux.sock"), cwd: home })).toThrow(
    /the path has \d+ bytes.*choose a shorter AO_HOME/,
  );
});

it("X1: reads no configuration of the user and never reaches the user's server", async () => {
  const user = tempFolder();
  const conf =
    "set -g base-index 1\nset -g pane-base-index 1\nset -g detach-on-destroy off\nset -g default-command false\n";
  await writeFile(join(user, ".tmux.conf"), conf);
  vi.stubEnv("HOME", user);
  vi.stubEnv("TMUX", join(user, "tmux-0/default,1,0"));
  vi.stubEnv("TMUX_TMPDIR", join(user, "gone"));
  vi.stubEnv("DAEMON_SECRET", "1");
  const { tmux, launch, home, type } = tmuxWorld();
  const file = join(home, "typed");
  await launch({ argv: recorder(file) });
  await expect.poll(() => tmux.run(["capture-pane", "-p"])).toMatchObject({ stdout: /ready/ });
  await type("x", { id: "1" });
  const format = "#{session_name} #{window_index} #{pane_index} #{socket_path}";
  expect(await tmux.run(["list-panes", "-a", "-F", format])).toMatchObject({
    stdout: `mer 0 0 ${join(home, "tmux.sock")}\n`,
  });
  const environment = await tmux.run(["show-environment", "-g"]);
  expect(environment.type === "done" && environment.stdout).not.toMatch(/^(DAEMON_SECRET|TMUX)/m);
  expect(await tmux.run(["show-options", "-gv", "detach-on-destroy"])).toMatchObject({
    stdout: "on\n",
  });
});

it("X2: keeps launching after the worktree of the first launch is gone", async () => {
  const { launch, home } = tmuxWorld();
  const worktree = join(home, "worktree");
  await mkdir(worktree);
  await launch({ cwd: worktree });
  await rm(worktree, { recursive: true });
  expect(await launch({}, { terminal: "other" })).toMatchObject({ adopted: false });
});

it("touches only the terminal it was told, not one whose name begins like it", async () => {
  const { launch, type, terminals: t, home, destroy } = tmuxWorld();
  const file = join(home, "typed");
  await launch({ argv: recorder(file) }, { terminal: "mer-10" });
  await expect.poll(() => t.capture("mer-10", 5)).toBe("ready");
  await expect(type("x", { terminal: "mer-1", id: "1" })).rejects.toMatchObject({
    code: "PANE_GONE",
  });
  await expect(t.capture("mer-1", 5)).rejects.toMatchObject({ code: "PANE_GONE" });
  expect(await destroy({ terminal: "mer-1" })).toEqual({ killed: 0 });
  expect(await t.capture("mer-10", 5)).toBe("ready");
});

it("gives an argv that attaches exactly this terminal, from inside another tmux and in the C locale too", async () => {
  vi.stubEnv("LC_ALL", "C");
  const { launch, terminals: t, tmux, home } = tmuxWorld();
  await launch({}, { terminal: "mer-10" });
  await launch({ argv: ["sh", "-c", "echo here; exec cat"] }, { terminal: "mer-1" });
  // A tmux of the user's stands for the terminal of the person who attaches.
  const outer = ["-S", join(home, "outer.sock"), "-f", "/dev/null"];
  await execa("tmux", [...outer, "new-session", "-d", "--", ...t.attachCommand("mer-1")]);
  onTestFinished(() => void execa("tmux", [...outer, "kill-server"], { reject: false }));
  const clients = () => tmux.run(["list-clients", "-F", "#{session_name} #{client_utf8}"]);
  await expect.poll(clients).toMatchObject({ stdout: "mer-1 1\n" });
});

it("opens no socket in a home that does not exist yet before something is launched", async () => {
  const home = join(tempFolder(), "new");
  const made = terminals({
    home,
    socket: join(home, "tmux.sock"),
    generation: () => "",
    launcher: LAUNCHER,
    environment: () => ({}),
  });
  expect(await made.listPanes()).toEqual([]);
});
