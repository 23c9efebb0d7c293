import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonWorld } from "../support/daemon.ts";
import { atEveryBoundary, ONCE, spawnThrough, type KillRow } from "../support/kills.ts";

// R1, R2, R3, R5: the daemon is killed somewhere between the worktree and the agent that runs in it. The batches of that
// way: the answer of git, the mail to the session, the mail to its terminal, the answer of tmux.

const world = daemonWorld();

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
});
afterAll(async () => world.end());

it.each([
  ...atEveryBoundary("the order to launch", { after: "prepareWorkspace", skip: 2 }),
  { title: "tmux at work", doom: { at: "during", effect: "launchTerminal", afterMs: 15 } },
  { title: "an agent that nobody was told of", doom: { at: "result", effect: "launchTerminal" } },
  ...atEveryBoundary("the answer of tmux", { after: "launchTerminal" }),
] satisfies KillRow[])("a kill at $title leaves one session with one agent", async ({ doom }) => {
  expect(await spawnThrough(world, doom)).toEqual(ONCE);
});
