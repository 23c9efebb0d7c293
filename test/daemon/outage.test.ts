import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";

// The tmux server goes while nobody looks: one event when the next daemon begins, not as many deaths as there were agents.

const AGENTS = 6;
const Listed = z.object({
  notices: z.array(
    z.object({ id: z.string(), state: z.string(), sessionIds: z.array(z.string()).optional() }),
  ),
});

it("a tmux server that was lost while the daemon was away is told once, to a person too, and makes nobody dead that moment (U3, K6)", async () => {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const ids: string[] = [];
  for (let n = 0; n < AGENTS; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- at once each would spend its patience on the others
    ids.push(await world.addSession());
  }
  await world.settled();
  await world.kill();
  await world.tmux("kill-server");
  const daemon = await world.up();
  const lifecycles = async (): Promise<string[]> =>
    Promise.all(ids.map(async (id) => (await world.session(id)).lifecycle.state));
  // Gone for good in the end: nobody starts the server again for them.
  await expect.poll(lifecycles, { timeout: PATIENCE_MS }).toEqual(ids.map(() => "terminated"));
  const lost = daemon.output().match(/server lost: \d+ of \d+/g);
  expect(lost).toEqual([`server lost: ${AGENTS} of ${AGENTS}`]);
  for (const id of ids) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const journal = JSON.stringify(await world.get(`/actors/session/${id}/journal?limit=200`));
    expect(journal).toContain("detecting");
  }
  const told = (): string[] =>
    [...daemon.output().matchAll(/^.*notice (\S+) \(urgent\)/gm)].map(([, id = ""]) => id);
  await expect.poll(told, { timeout: PATIENCE_MS }).toEqual(["supervisor-outage-n1"]);
  const { stdout } = await world.ao("notices", "--json");
  const { notices } = Listed.parse(JSON.parse(stdout));
  expect(notices.map(({ id, state }) => [id, state])).toEqual([["supervisor-outage-n1", "open"]]);
  expect(new Set(notices[0]?.sessionIds)).toEqual(new Set(ids));
  expect((await world.ao("restore", "--lost")).exitCode).toBe(0);
  const terminals = async (): Promise<string[]> =>
    Promise.all(ids.map(async (id) => (await world.session(id)).terminal.state));
  await expect.poll(terminals, { timeout: PATIENCE_MS }).toEqual(ids.map(() => "live"));
  await expect.poll(async () => (await world.ao("notices")).stdout).toContain("nothing");
  expect((await world.ao("restore", "--lost")).stdout).toContain("no session was lost");
});

it("a tmux server that is lost under three agents is told once, and all come back (T6, K6)", async () => {
  const world = daemonWorld();
  const daemon = await world.up();
  await world.addProject();
  const ids = [await world.addSession(), await world.addSession(), await world.addSession()];
  await world.settled();
  await world.tmux("kill-server");
  const told = (): string[] =>
    [...daemon.output().matchAll(/^.*notice (\S+) \(urgent\)/gm)].map(([, id = ""]) => id);
  await expect.poll(told, { timeout: PATIENCE_MS }).toEqual(["supervisor-outage-n1"]);
  const { stdout, exitCode } = await world.ao("restore", "--lost");
  expect([exitCode, ids.every((id) => stdout.includes(id))]).toEqual([0, true]);
});

it("a store that was restored without the records of its terminals shows nobody at work (U4)", async () => {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  await world.settled();
  await world.kill();
  await world.tmux("kill-server");
  renameSync(join(world.home, "terminals"), join(world.home, "terminals.lost"));
  await world.up();
  await expect
    .poll(async () => (await world.session(id)).lifecycle.state, { timeout: PATIENCE_MS })
    .toMatch(/^(detecting|stuck|terminated)$/);
});
