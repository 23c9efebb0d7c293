/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-return, typescript/no-unsafe-call, typescript/no-unsafe-assignment -- looks into bodies of every shape */
import { expect, it } from "vitest";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";
import { freeze } from "../support/freeze.ts";

// An agent that falls silent in its turn, while the listing of the fleet tells nothing: its screen is looked at.

it("a silent agent is looked at, doubted while its screen cannot be read, and found alive again (W-2, W-3)", async () => {
  const world = daemonWorld({
    probes: { terminalMs: 600_000, scmMs: 600_000 },
    leases: { workingMs: 500, restingMs: 600_000 },
    detecting: { maxAttempts: 3, maxMs: 3_000 },
  });
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  const lifecycle = async () => (await world.session(id)).lifecycle;
  await world.post(`/sessions/${id}/activity`, { state: "active" });
  // Read and found well, and nothing of it shows.
  await expect
    .poll(async () => (await world.get(`/actors/session/${id}`)).context.watch.lookedAt, {
      timeout: PATIENCE_MS,
    })
    .toBeGreaterThan(0);
  expect(await world.session(id)).toMatchObject({ status: "working" });
  const server = Number(await world.tmux("display-message", "-p", "#{pid}"));
  await freeze(server);
  try {
    await expect
      .poll(lifecycle, { timeout: 2 * PATIENCE_MS })
      .toMatchObject({ state: "detecting", reason: "probe_failure" });
  } finally {
    process.kill(server, "SIGCONT");
  }
  await expect.poll(lifecycle, { timeout: PATIENCE_MS }).toMatchObject({ state: "working" });
  expect(await world.session(id)).toMatchObject({ terminal: { epoch: 1, state: "live" } });
}, 90_000);

it("who lies of a living program or of its worktree is found out at the next look of the probe (O10, P4)", async () => {
  const world = daemonWorld({
    detecting: { maxAttempts: 3, maxMs: 600_000 },
    activity: { recentMs: 1 },
    probes: { terminalMs: 1_000 },
  });
  await world.up();
  await world.addProject();
  const id = await world.addSession();
  await expect.poll(async () => (await world.session(id)).runtime.state).toBe("alive");
  await world.post(`/sessions/${id}/activity`, { state: "active" });
  await world.post(`/observations/runtime/${id}`, { runtime: "dead", process: "alive" });
  const states = async (): Promise<unknown[]> => {
    const { entries } = await world.get(`/actors/session/${id}/journal`);
    return entries.flatMap(
      ({ value }: { value?: { lifecycle: string } }) => value?.lifecycle ?? [],
    );
  };
  await expect
    .poll(states, { timeout: PATIENCE_MS })
    .toEqual(expect.arrayContaining(["detecting", "working"]));
  await expect.poll(async () => (await states()).at(-1), { timeout: PATIENCE_MS }).toBe("working");
  expect(await world.session(id)).toMatchObject({ status: "working", detecting: null });
  const { workspace } = await world.session(id);
  const lie = { headSha: "f".repeat(40), branch: "elsewhere", dirty: true, unpushed: 9 };
  await world.post(`/observations/workspace/${id}`, lie);
  await expect.poll(async () => (await world.session(id)).workspace).toMatchObject(lie);
  await expect
    .poll(async () => (await world.session(id)).workspace, { timeout: PATIENCE_MS })
    .toEqual(workspace);
  // Two witnesses end it, and what is over stays so; but its terminal is shown as it is.
  await world.post(`/observations/runtime/${id}`, { runtime: "dead", process: "dead" });
  await expect
    .poll(async () => (await world.session(id)).lifecycle)
    .toMatchObject({ state: "terminated", reason: "runtime_lost" });
  await expect
    .poll(async () => (await world.session(id)).runtime.state, { timeout: PATIENCE_MS })
    .toBe("alive");
  expect(await world.session(id)).toMatchObject({ lifecycle: { state: "terminated" } });
}, 60_000);
