import { expect } from "vitest";
import type { Boundary } from "../../actors/host.ts";
import type { DaemonWorld } from "./daemon.ts";
import type { Doom } from "./doom.ts";

/** One place to die. */
export interface KillRow {
  readonly title: string;
  readonly doom: Doom;
}

const BOUNDARIES: Readonly<Record<Boundary, string>> = {
  stepped: "before its commit",
  flushed: "after its flush, before the answer",
  answered: "after the answer, before the release",
  released: "after the release",
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
