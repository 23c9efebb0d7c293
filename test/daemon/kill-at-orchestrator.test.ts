/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { SessionView } from "../../http/session/view.ts";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";
import { atEveryBoundary, killDuring, type KillRow } from "../support/kills.ts";

// An orchestrator takes the place of the one before it, and the daemon is killed in between.

const world = daemonWorld();

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
  const { id } = await world.post("/orchestrators", { projectId: "demo" });
  await vi.waitUntil(() => world.starts(id).length === 1, { timeout: PATIENCE_MS });
});
afterAll(async () => world.end());

it.each([
  ...atEveryBoundary("the command"),
  {
    title: "the kill of the one before",
    doom: { at: "during", effect: "destroyTerminal", afterMs: 30 },
  },
  { title: "its end, of which nobody was told", doom: { at: "result", effect: "destroyTerminal" } },
  ...atEveryBoundary("the answer of its worktree", { after: "reclaimWorkspace" }),
  ...atEveryBoundary("the mail that begins the next", { after: "reclaimWorkspace", skip: 2 }),
] satisfies KillRow[])(
  "a kill at $title leaves exactly one orchestrator",
  async ({ title, doom }) => {
    const key = title.replaceAll(/\W/g, "-");
    const clean = async (): Promise<{ status: number; body: SessionView }> =>
      world.request("POST", "/orchestrators", { projectId: "demo", clean: true }, { key });
    await killDuring(world, doom, clean);
    const { status, body } = await clean();
    expect(status).toBe(201);
    await expect
      .poll(async () => world.session(body.id), { timeout: PATIENCE_MS })
      .toMatchObject({ terminal: { state: "live", epoch: 1 } });
    await expect.poll(() => world.starts(body.id), { timeout: PATIENCE_MS }).toHaveLength(1);
    await world.settled();
    const { orchestrators } = await world.get("/orchestrators?limit=1000");
    const running = orchestrators.filter(({ wanted }: SessionView) => wanted === "running");
    expect(running.map(({ id }: SessionView) => id)).toEqual([body.id]);
    const panes = await world.tmux("list-panes", "-a", "-F", "#{@ao_terminal}");
    expect(panes.split("\n")).toEqual([body.id]);
  },
);
