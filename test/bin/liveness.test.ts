/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-call, typescript/no-unsafe-return -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";

it.each([
  { title: "exits", reason: "agent_process_exited" },
  { title: "is killed", reason: "manually_killed" },
])(
  "a session hears from the daemon itself that its program runs, and is never in doubt when it $title",
  async ({ title, reason }) => {
    const world = daemonWorld();
    await world.up();
    await world.addProject();
    const id = await world.addSession();
    const steps = async (): Promise<
      { message: { type: string; data: object }; value: unknown }[]
    > => (await world.get(`/actors/session/${id}/journal?limit=500`)).entries;
    const options = { timeout: PATIENCE_MS };
    await expect
      .poll(async () => (await steps()).map(({ message }) => message), options)
      .toContainEqual(
        expect.objectContaining({
          type: "runtime.observed",
          data: { runtime: "alive", process: "alive", epoch: 1 },
        }),
      );
    if (title === "exits") await world.post(`/sessions/${id}/send`, { text: "exit 3" });
    else await world.post(`/sessions/${id}/kill`);
    await expect
      .poll(async () => (await world.session(id)).lifecycle, options)
      .toMatchObject({ state: "terminated", reason });
    await world.settled();
    expect(JSON.stringify((await steps()).map(({ value }) => value))).not.toContain("detecting");
  },
);
