import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { daemonWorld } from "../support/daemon.ts";
import {
  atEveryBoundary,
  expectOneProcessPerEpoch,
  killDuring,
  type KillRow,
} from "../support/kills.ts";

// R1, R2, R3, R5: the daemon is killed somewhere between the command and the agent that runs. The batches of that way,
// one message each: the command, the mail to the session, the mail to its workspace, the answer of git, the mail back,
// the mail to the terminal, the answer of tmux, the mail back.

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
  ...atEveryBoundary("the order to launch", { after: "prepareWorkspace", skip: 2 }),
  { title: "tmux at work", doom: { at: "during", effect: "launchTerminal", afterMs: 15 } },
  { title: "an agent that nobody was told of", doom: { at: "result", effect: "launchTerminal" } },
  ...atEveryBoundary("the answer of tmux", { after: "launchTerminal" }),
] satisfies KillRow[])("a kill at $title leaves one session with one agent", async ({ doom }) => {
  const key = randomUUID();
  const spawn = async () =>
    world.request("POST", "/sessions", { projectId: "demo", prompt: key }, { key });
  await killDuring(world, doom, spawn);
  const first = await spawn();
  expect([first.status, await spawn()]).toMatchObject([201, { body: { id: first.body.id } }]);
  const { id } = first.body;
  await expect
    .poll(async () => world.session(id))
    .toMatchObject({
      terminal: { state: "live", epoch: 1 },
      workspace: { state: "ready" },
      runtime: { state: "alive" },
    });
  await world.settled();
  const { sessions } = await world.get("/sessions?limit=1000");
  expect(sessions.filter(({ prompt }: { prompt: string }) => prompt === key)).toHaveLength(1);
  expect(world.starts(id)).toHaveLength(1);
  await expectOneProcessPerEpoch(world);
});
