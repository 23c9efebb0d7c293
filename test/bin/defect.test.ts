import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isAlive } from "../adapters/terminal/tmux-world.ts";
import { daemonWorld } from "../support/daemon.ts";

it.each([{ fault: "thrown" }, { fault: "rejected" }])(
  "a bug that is $fault where nobody catches it ends the daemon in order, with 1 and its stack in the log",
  async ({ fault }) => {
    const world = daemonWorld();
    const faulty = join(import.meta.dirname, "programs/faulty.ts");
    const env = { NODE_OPTIONS: `--import=${faulty}`, FAULT: fault };
    const { pid, exited, output } = await world.up({ env });
    const server = world.natsPid();
    process.kill(pid, "SIGUSR2");
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(output()).toMatch(/ defect: \w+: Error: a bug\n +at .*faulty\.ts/);
    expect(output()).toContain('part.stopped id="store"');
    expect(output().trimEnd().split("\n").at(-1)).toBe("ao: a bug");
    expect([existsSync(join(world.home, "run.json")), await isAlive(server)]).toEqual([
      false,
      false,
    ]);
  },
);
