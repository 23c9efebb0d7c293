import { execa } from "execa";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { LAUNCHER, attempt, isAlive, tmuxWorld } from "./tmux-world.ts";
import type { TmuxWorld } from "./tmux-world.ts";
import { freeze } from "../../support/freeze.ts";
import { eventually } from "../../support/eventually.ts";

/** Pids that a script has written into files of the world's folder, once all are there. */
async function pidsIn({ home }: TmuxWorld, ...names: string[]): Promise<number[]> {
  return eventually(() =>
    Promise.all(
      names.map(async (name) => {
        // The file is there a moment before its line is.
        const [line] = /\d+\n/.exec(await readFile(join(home, name), "utf8")) ?? [];
        if (line === undefined) throw new Error(`${name} is not written yet`);
        return Number(line);
      }),
    ),
  );
}

async function alive(pids: readonly number[]): Promise<boolean[]> {
  return Promise.all(pids.map(isAlive));
}

it.each([
  { title: "a background child", script: "sleep 100 & echo $! > pid; exec cat" },
  {
    title: "a child that left the process group",
    script: "set -m; sleep 100 & echo $! > pid; exec cat",
  },
  {
    title: "a child that left the session",
    script: "setsid sh -c 'echo $$ > pid; exec sleep 100' & exec cat",
  },
  {
    title: "a daemon whose parents are gone",
    script: "(setsid sh -c 'echo $$ > pid; exec sleep 100' &); exec cat",
  },
  {
    title: "a background child that outlived its program",
    script: "trap '' HUP; sleep 100 & echo $! > pid",
  },
  {
    title: "a child that hides its environment",
    script: "env -i sh -c 'echo $$ > pid; trap \"\" HUP; while :; do sleep 1; done' & exec cat",
  },
  {
    title: "a child that hides and left the session",
    script: "env -i setsid sh -c 'echo $$ > pid; exec sleep 100' & exec cat",
  },
  {
    title: "a child that hides and outlived its program",
    script:
      "env -i sh -c 'trap \"\" HUP; echo $$ > pid; while :; do sleep 1; done' & while [ ! -s pid ]; do :; done",
  },
  {
    title: "a program that ignores every request to end",
    script: "trap '' TERM HUP INT; echo $$ > pid; while :; do sleep 1; done",
  },
  { title: "a program that is stopped", script: "echo $$ > pid; kill -STOP $$" },
])("D1: ends $title", async ({ script }) => {
  const world = tmuxWorld();
  await world.launch({ cwd: world.home, argv: ["sh", "-c", script] });
  const pids = await pidsIn(world, "pid");
  expect(await alive(pids)).toEqual([true]);
  const { killed } = await world.destroy({ graceMs: 200 });
  expect(killed).toBeGreaterThan(0);
  expect(await alive(pids)).toEqual([false]);
  expect(await world.terminals.listPanes()).toEqual([]);
  expect(await world.tmux.run(["list-sessions"])).toEqual({ type: "no-server" });
});

it("asks first, and lets a program end in its own way", async () => {
  const world = tmuxWorld();
  const script = "trap 'echo bye > bye; exit 6' TERM; echo $$ > pid; while :; do sleep 0.05; done";
  await world.launch({ cwd: world.home, argv: ["sh", "-c", script] });
  await pidsIn(world, "pid");
  await world.destroy({ graceMs: 10_000 });
  expect(await readFile(join(world.home, "bye"), "utf8")).toBe("bye\n");
  expect(await world.terminals.exitOf({ terminal: "mer", epoch: 1 })).toEqual({ code: 6 });
});

it("D2: the launcher still records the end of a program that had to be killed", async () => {
  const world = tmuxWorld();
  await world.launch({
    cwd: world.home,
    argv: ["sh", "-c", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"],
  });
  await pidsIn(world, "pid");
  await world.destroy({ graceMs: 50 });
  expect(await world.terminals.exitOf({ terminal: "mer", epoch: 1 })).toEqual({ signal: 9 });
});

it("does nothing the second time", async () => {
  const { launch, destroy } = tmuxWorld();
  await launch({});
  expect(await destroy()).toEqual({ killed: 2 });
  expect(await destroy()).toEqual({ killed: 0 });
});

it("D3: touches no other terminal, no newer epoch and no other home", async () => {
  const [one, two] = [tmuxWorld(), tmuxWorld()];
  const others = [
    await one.launch({}, { terminal: "mer", epoch: 2 }),
    await one.launch({}, { terminal: "mer-1", epoch: 1 }),
    await two.launch({}, { terminal: "mer", epoch: 1 }),
  ];
  expect(await one.destroy({ epoch: 1 })).toEqual({ killed: 0 });
  expect(await alive(others.map(({ pid }) => pid))).toEqual([true, true, true]);
  expect(await one.terminals.listPanes()).toHaveLength(2);
});

it("D3: leaves alone what an agent started in a home of its own", async () => {
  const world = tmuxWorld();
  const script =
    "AO_HOME=/other AO_EPOCH=7 setsid sh -c 'echo $$ > inner; exec sleep 100' & exec cat";
  await world.launch({ cwd: world.home, argv: ["sh", "-c", script] });
  const inner = await pidsIn(world, "inner");
  onTestFinished(() => inner.forEach((pid) => process.kill(pid, "SIGKILL")));
  await world.destroy();
  expect(await alive(inner)).toEqual([true]);
});

it("D4: ends processes that outlived their tmux server", async () => {
  const world = tmuxWorld();
  const { pid } = await world.launch({
    argv: ["sh", "-c", "trap '' HUP; while :; do sleep 1; done"],
  });
  const { stdout } = await execa("tmux", ["-S", world.socket, "display-message", "-p", "#{pid}"]);
  process.kill(Number(stdout), "SIGKILL");
  await expect
    .poll(() => world.terminals.listPanes())
    .toMatchObject([{ process: "indeterminate" }]);
  await world.destroy();
  expect(await isAlive(pid)).toBe(false);
  expect(await world.terminals.listPanes()).toEqual([]);
});

it("D4: ends processes whose tmux server is stuck, and says that the pane is not known to be closed", async () => {
  const world = tmuxWorld();
  const { pid } = await world.launch({});
  const { stdout } = await execa("tmux", ["-S", world.socket, "display-message", "-p", "#{pid}"]);
  const server = Number(stdout);
  await freeze(server);
  onTestFinished(() => void process.kill(server, "SIGCONT"));
  const impatient = tmuxWorld({ home: world.home, timeoutMs: 200 });
  await expect(impatient.destroy()).rejects.toMatchObject({ code: "TMUX_UNREACHABLE" });
  process.kill(server, "SIGCONT");
  expect(await isAlive(pid)).toBe(false);
});

it("D5: nothing of a destroyed epoch can start any more, whoever ordered it", async () => {
  const world = tmuxWorld();
  await world.destroy({ epoch: 3 });
  const argv = ["touch", join(world.home, "never")];
  const file = join(world.home, "terminals/mer.3.launch");
  await writeFile(file, ["/", String(argv.length), ...argv, ""].join("\0"));
  await execa("perl", [LAUNCHER, file], { reject: false });
  await expect(world.launch({ argv }, { epoch: 3 })).rejects.toMatchObject({ code: "EPOCH_STALE" });
  expect(await readdir(world.home)).not.toContain("never");
});

it("leaves no secret behind", async () => {
  const { launch, destroy, home } = tmuxWorld();
  await launch({ prompt: "secret" });
  await destroy();
  expect(await readdir(join(home, "prompts"))).toEqual([]);
  expect(await readdir(join(home, "terminals"))).toEqual([
    "mer.1.exit",
    "mer.1.gone",
    "mer.1.start",
  ]);
});

it("stops at the deadline while something does not end, and goes on when tried again", async () => {
  const world = tmuxWorld();
  const { pid } = await world.launch({
    cwd: world.home,
    argv: ["sh", "-c", "trap '' TERM; echo $$ > pid; while :; do sleep 1; done"],
  });
  await pidsIn(world, "pid");
  const data = { terminal: "mer", host: "local", epoch: 1, graceMs: 60_000 };
  const late = world.terminals.destroyTerminal(data, {
    ...attempt(),
    signal: AbortSignal.timeout(200),
  });
  await expect(late).rejects.toMatchObject({ code: "DEADLINE_PASSED" });
  expect(await isAlive(pid)).toBe(true);
  await world.destroy({ graceMs: 0 });
  expect(await isAlive(pid)).toBe(false);
});
