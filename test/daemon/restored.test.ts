import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";

// A backup that is put over the store: what was launched since then has names and epochs that are given again.

async function putBack(world: DaemonWorld, backup: string): Promise<void> {
  await world.down();
  copyFileSync(join(backup, "data.mdb"), join(world.home, "lmdb/data.mdb"));
  await world.up();
}

it("an agent of the lost time is neither typed into, nor ended, nor taken for ours, and the launch says what ends it (E1)", async () => {
  const world = daemonWorld();
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  await world.settled();
  const backup = join(world.home, "../backup");
  await world.post("/backup", { folder: backup });
  const [first = ""] = world.starts(id);
  const agent = Number(first.split(" ")[2]);
  await putBack(world, backup);

  await world.request("POST", `/sessions/${id}/send`, { text: "for another" });
  const state = async (): Promise<string> => (await world.session(id)).lifecycle.state;
  await expect.poll(state, { timeout: PATIENCE_MS }).toMatch(/^(detecting|stuck|terminated)$/);
  await world.post(`/sessions/${id}/kill`, {});
  await expect.poll(state, { timeout: PATIENCE_MS }).toBe("terminated");
  await world.post(`/sessions/${id}/restore`, {});
  const journal = async (): Promise<string> =>
    JSON.stringify(await world.get(`/actors/session/${id}/journal?limit=200`));
  await expect.poll(journal, { timeout: PATIENCE_MS }).toContain("PANE_FOREIGN");
  expect([world.starts(id), world.typed(id), process.kill(agent, 0)]).toEqual([[first], [], true]);

  const [, socket = "", target = ""] =
    /then end it: tmux -S '([^']+)' kill-session -t '(=[^']+)'/.exec(await journal()) ?? [];
  await execa("tmux", ["-S", socket, "kill-session", "-t", target]);
  await world.post(`/sessions/${id}/restore`, {});
  await expect.poll(() => world.starts(id).length, { timeout: PATIENCE_MS }).toBe(2);
});
