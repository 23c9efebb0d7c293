import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fleet } from "../../../adapters/terminal/panes.ts";
import { terminalRecords } from "../../../adapters/terminal/records.ts";
import { tmuxClient } from "../../../adapters/terminal/tmux.ts";
import { attempt, tmuxWorld, type TmuxWorld } from "./tmux-world.ts";

// Records as a power cut or a broken disk leaves them.

async function tear({ home }: TmuxWorld, ...files: string[]): Promise<void> {
  await mkdir(join(home, "terminals"), { recursive: true });
  await Promise.all(files.map(async (file) => writeFile(join(home, "terminals", file), "")));
}

function doubt(file: string): object {
  return { process: "indeterminate", doubt: `${file} cannot be read` };
}

it("F3: a torn record puts its own terminal in doubt and no other", async () => {
  const world = tmuxWorld();
  await tear(world, "torn.1.start", "half.2.start", "half.2.exit");
  await writeFile(join(world.home, "terminals", "whole.1.start"), '{"withdrawn":true}');
  const rows = await world.terminals.listPanes();
  expect(Object.fromEntries(rows.map((row) => [row.terminal, row]))).toEqual({
    torn: { terminal: "torn", epoch: 1, hasPane: false, ...doubt("torn.1.start") },
    // Its end was written down, so it came.
    half: { terminal: "half", epoch: 2, hasPane: false, process: "dead" },
    whole: { terminal: "whole", epoch: 1, hasPane: false, process: "dead" },
  });
});

it("F3: how a program ended is not told by a torn record, that it ended by its processes", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["sh", "-c", "exit 3"] });
  await expect
    .poll(async () => world.terminals.exitOf({ terminal: "mer", epoch: 1 }))
    .toEqual({ code: 3 });
  await tear(world, "mer.1.exit");
  const look = async () =>
    world.terminals.inspectTerminal({ terminal: "mer", host: "local", epoch: 1 }, attempt());
  await expect.poll(look).toMatchObject({ runtime: "alive", process: "dead" });
  expect(await world.terminals.exitOf({ terminal: "mer", epoch: 1 })).toBeUndefined();
});

it("F3: a terminal whose claim is torn can be destroyed, and nothing runs under it", async () => {
  const world = tmuxWorld();
  await world.launch({});
  await tear(world, "mer.1.start");
  expect((await world.destroy())?.killed).toBeGreaterThan(0);
  expect(await world.terminals.listPanes()).toEqual([]);
});

it("doubts nobody that begins while it looks", async () => {
  const world = tmuxWorld();
  const records = terminalRecords(world.home, "");
  const tmux = tmuxClient({ socket: world.socket, cwd: world.home });
  const slow: typeof tmux = {
    ...tmux,
    async run(args, call) {
      const answer = await tmux.run(args, call);
      await tear(world, "mer.1.start");
      return answer;
    },
  };
  expect(await fleet({ tmux: slow, generation: () => "" }, records)).toEqual([]);
});
