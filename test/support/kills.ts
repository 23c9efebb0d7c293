/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-call -- looks into bodies of every shape */
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Boundary } from "../../actors/host.ts";
import type { Answer, DaemonWorld } from "./daemon.ts";
import type { Doom } from "./doom.ts";

/** One place to die. */
export interface KillRow {
  readonly title: string;
  readonly doom: Doom;
}

const BOUNDARIES: Readonly<Record<Boundary, string>> = {
  stepped: "before its commit",
  flushed: "after its flush, before the answer",
  answered: "after the answer, before the dispatch",
  dispatched: "after the dispatch",
};

/** A kill at every boundary of the way of one message. */
export function atEveryBoundary(
  what: string,
  doom: Pick<Extract<Doom, { skip?: number }>, "skip" | "after"> = {},
): KillRow[] {
  return Object.entries(BOUNDARIES).map(([at, when]) => ({
    title: `${what}: ${when}`,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key of the table
    doom: { at: at as Boundary, ...doom },
  }));
}

/** The daemon dies while `act` is under way, and another takes over. */
export async function killDuring<T>(
  world: DaemonWorld,
  doom: Doom,
  act: () => Promise<T>,
): Promise<void> {
  await world.up({ mortal: true });
  world.doom(doom);
  // Whoever waited for an answer learns nothing.
  const acting = act().catch(() => {});
  await world.doomed();
  await acting;
  await world.up({ mortal: true });
}

/** Expects each epoch of each session to have been started by one process, and that one to be what tmux shows. */
export async function expectOneProcessPerEpoch(world: DaemonWorld): Promise<void> {
  const epochs = world.starts().map((line) => line.split(" ").slice(0, 2).join(" "));
  expect(epochs).toEqual([...new Set(epochs)]);
  const panes = await world.tmux("list-panes", "-a", "-F", "#{@ao_terminal} #{@ao_epoch}");
  expect(panes.split("\n").toSorted()).toEqual(epochs.toSorted());
}

/** What came of a session that was spawned while the daemon died. */
export interface Spawned {
  readonly status: number;
  /** The command given again was answered with the same session. */
  readonly isSameAgain: boolean;
  readonly sessions: number;
  readonly agents: number;
}

/** Spawns a session while the daemon dies, gives the command again, and waits until its agent runs. */
export async function spawnThrough(world: DaemonWorld, doom: Doom): Promise<Spawned> {
  const key = randomUUID();
  const spawn = async (): Promise<Answer> =>
    world.request("POST", "/sessions", { projectId: "demo", prompt: key }, { key });
  await killDuring(world, doom, spawn);
  const first = await spawn();
  const again = await spawn();
  const { id } = first.body;
  await expect
    .poll(async () => world.session(id))
    .toMatchObject({
      terminal: { state: "live", epoch: 1 },
      workspace: { state: "ready" },
      runtime: { state: "alive" },
    });
  await world.settled();
  await expect.poll(() => world.starts(id)).not.toEqual([]);
  await expectOneProcessPerEpoch(world);
  const { sessions } = await world.get("/sessions?limit=1000");
  return {
    status: first.status,
    isSameAgain: again.body.id === id,
    sessions: sessions.filter(({ prompt }: { prompt: string }) => prompt === key).length,
    agents: world.starts(id).length,
  };
}

/** One session with one agent. */
export const ONCE: Spawned = { status: 201, isSameAgain: true, sessions: 1, agents: 1 };

/** Reports to one session under keys of their own, one after the other, until aborted or the daemon dies. */
export async function keepReporting(
  world: DaemonWorld,
  id: string,
  signal: AbortSignal,
): Promise<{ acknowledged: string[]; refusals: Set<string> }> {
  const acknowledged: string[] = [];
  const refusals = new Set<string>();
  while (!signal.aborted) {
    const key = randomUUID();
    // oxlint-disable-next-line no-await-in-loop -- one caller
    const answer = await world
      .request("POST", `/sessions/${id}/report`, { summary: key }, { key })
      // The daemon is gone: nothing was promised.
      .catch(() => undefined);
    if (answer === undefined) break;
    if (answer.status === 200) acknowledged.push(`http:owner:${key}`);
    else refusals.add(`${answer.status} ${answer.body.code}`);
  }
  return { acknowledged, refusals };
}

/** Ids of every message that a session applied. */
export async function appliedTo(world: DaemonWorld, id: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after: number | null = 0; after !== null;) {
    // oxlint-disable-next-line no-await-in-loop -- page after page
    const page: Page = await world.get(`/actors/session/${id}/journal?limit=1000&after=${after}`);
    ids.push(...page.entries.map(({ message }) => message.id));
    after = page.next;
  }
  return ids;
}
interface Page {
  entries: { message: { id: string } }[];
  next: number | null;
}
