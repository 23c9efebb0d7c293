import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { attempt, tmuxWorld } from "./tmux-world.ts";
import { freeze } from "../../support/freeze.ts";

// One look at one terminal, in the real tmux.

const of = (epoch = 1) => ({ terminal: "mer", host: "local", epoch });

it("sees a program that runs on a screen that can be read, and changes nothing", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({});
  const before = await terminals.capture("mer", 10);
  expect(await terminals.inspectTerminal(of(), attempt())).toEqual({
    epoch: 1,
    runtime: "alive",
    process: "alive",
  });
  expect(await terminals.capture("mer", 10)).toBe(before);
});

it("reads whether the agent is at its prompt, where it is told how that looks (W-5)", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({ argv: ["sh", "-c", "echo above; echo; echo '> '; exec cat"] });
  const look = async (shows: string, lacks: string) =>
    terminals.inspectTerminal({ ...of(), rests: { shows, lacks } }, attempt());
  await expect.poll(async () => look("^>$", "spins")).toMatchObject({ rests: true });
  expect(await look("^>$", "ABOVE")).toMatchObject({ runtime: "alive", rests: false });
  expect(await look("^<$", "spins")).toMatchObject({ rests: false });
});

it("reads the limit that an agent shows, with the zone of its clock (W-6)", async () => {
  const { terminals, launch } = tmuxWorld();
  await launch({ argv: ["sh", "-c", "echo '! limit until'; echo noon; echo '> '; exec cat"] });
  const rests = { shows: "^>$", lacks: "spins", limited: "^! (limit[^>]*)^>" };
  const look = async () => terminals.inspectTerminal({ ...of(), rests }, attempt());
  const { timeZone: zone } = new Intl.DateTimeFormat().resolvedOptions();
  await expect
    .poll(look)
    .toMatchObject({ rests: true, limit: { words: "limit until noon", zone } });
});

it("sees nothing of another epoch, nor of a terminal that is not there", async () => {
  const { terminals, launch } = tmuxWorld();
  const nothing = { runtime: "dead", process: "indeterminate" };
  expect(await terminals.inspectTerminal(of(), attempt())).toMatchObject({ epoch: 1, ...nothing });
  await launch({});
  const older = await terminals.inspectTerminal(of(2), attempt());
  expect(older).toMatchObject({ epoch: 2, ...nothing });
});

it("fails when the screen cannot be read, instead of calling anybody dead", async () => {
  const { tmux, home, launch } = tmuxWorld();
  await launch({});
  const asked = await tmux.run(["display-message", "-p", "#{pid}"]);
  const pid = Number(asked.type === "done" ? asked.stdout : Number.NaN);
  await freeze(pid);
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  const { terminals } = tmuxWorld({ home, timeoutMs: 200 });
  await expect(terminals.inspectTerminal(of(), attempt())).rejects.toMatchObject({
    code: "TMUX_UNREACHABLE",
  });
  process.kill(pid, "SIGCONT");
});

it("fails for a pane that is listed and cannot be read", async () => {
  const { terminals, launch, home } = tmuxWorld();
  await launch({});
  const bin = join(home, "bin");
  const script = `#!/bin/sh\nPATH=\${PATH#*:}\ncase "$*" in *capture-pane*) echo "no" >&2; exit 1;; esac\nexec tmux "$@"\n`;
  await mkdir(bin);
  await writeFile(join(bin, "tmux"), script, { mode: 0o700 });
  vi.stubEnv("PATH", `${bin}:${process.env["PATH"]}`);
  await expect(terminals.inspectTerminal(of(), attempt())).rejects.toThrow(/capture .* of mer/);
});

it("sees that the pane of a program is gone", async () => {
  const { tmux, terminals, launch } = tmuxWorld();
  await launch({});
  await tmux.run(["kill-session", "-t", "=mer"]);
  await expect
    .poll(async () => terminals.inspectTerminal(of(), attempt()), { timeout: 10_000 })
    .toMatchObject({ runtime: "dead", process: "dead" });
});
