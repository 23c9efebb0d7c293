import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonWorld } from "../support/daemon.ts";
import { atEveryBoundary, ONCE, spawnThrough, type KillRow } from "../support/kills.ts";

// R1, R2, R3, R5: the daemon is killed somewhere between the command and the worktree. The batches of that way, one
// message each: the command, the mail to the session, the mail to its workspace, the answer of git.

const world = daemonWorld();

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
});
afterAll(async () => world.end());

it.each([
  ...atEveryBoundary("the command to spawn"),
  ...atEveryBoundary("the mail that begins the session", { skip: 1 }),
  ...atEveryBoundary("the order to make a worktree", { skip: 2 }),
  { title: "git at work", doom: { at: "during", effect: "prepareWorkspace", afterMs: 30 } },
  {
    title: "a worktree that nobody was told of",
    doom: { at: "result", effect: "prepareWorkspace" },
  },
  ...atEveryBoundary("the answer of git", { after: "prepareWorkspace" }),
] satisfies KillRow[])("a kill at $title leaves one session with one agent", async ({ doom }) => {
  expect(await spawnThrough(world, doom)).toEqual(ONCE);
});
