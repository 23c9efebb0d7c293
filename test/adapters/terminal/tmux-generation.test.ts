import { execa } from "execa";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isAlive, recorder, tmuxWorld, typed, type TmuxWorld } from "./tmux-world.ts";

interface Replaced {
  readonly before: TmuxWorld;
  /** The same home and tmux after a backup was restored. */
  readonly after: TmuxWorld;
  /** What was typed into the pane of before. */
  readonly heard: () => Promise<string>;
  readonly pid: number;
}

/** A terminal that runs at epoch 1, and the store replaced by another generation. */
async function replaced(): Promise<Replaced> {
  const before = tmuxWorld({ generation: () => "first" });
  const { home } = before;
  const file = join(home, "heard");
  const { pid } = await before.launch({ argv: recorder(file) });
  await expect.poll(async () => before.terminals.capture("mer", 5)).toBe("ready");
  const after = tmuxWorld({ home, generation: () => "second" });
  return { before, after, heard: async () => readFile(file, "utf8"), pid };
}

describe("a pane of another generation of the store", () => {
  it("is none of the fleet, and nobody sees it for ours (N1)", async () => {
    const { before, after } = await replaced();
    const { terminals } = after;
    expect([await terminals.listPanes(), await terminals.screens(["mer"])]).toEqual([
      [],
      new Map(),
    ]);
    await expect(terminals.capture("mer", 5)).rejects.toMatchObject({ code: "PANE_GONE" });
    expect(await before.terminals.listPanes()).toMatchObject([{ terminal: "mer", epoch: 1 }]);
  });

  it("is never typed into, though its name and epoch are ours (T1)", async () => {
    const { before, after, heard } = await replaced();
    await expect(after.type("lost", { id: "1" })).rejects.toMatchObject({ code: "PANE_GONE" });
    await before.type("found", { id: "2" });
    await expect.poll(heard).toBe(typed("found"));
  });

  it("is never ended, nor any process of it (D3)", async () => {
    const { before, after, pid } = await replaced();
    expect(await after.destroy({ epoch: 9, graceMs: 0 })).toEqual({ killed: 0 });
    expect(await isAlive(pid)).toBe(true);
    expect(await before.terminals.listPanes()).toMatchObject([{ process: "alive" }]);
  });

  it.each([{ epoch: 1 }, { epoch: 2 }])(
    "is not adopted at epoch $epoch but refused, with the command that ends it (A3)",
    async ({ epoch }) => {
      const { after, pid } = await replaced();
      const launched = after.launch({}, { epoch });
      await expect(launched).rejects.toMatchObject({ code: "PANE_FOREIGN" });
      const [, command = ""] = /then end it: (.*)$/.exec(await messageOf(launched)) ?? [];
      expect(await isAlive(pid)).toBe(true);
      await execa("sh", ["-c", command]);
      expect(await after.launch({}, { epoch })).toMatchObject({ adopted: false });
    },
  );

  it("leaves its records out of account: what ended there did not end here", async () => {
    const { before, after } = await replaced();
    await before.destroy({ graceMs: 0 });
    expect(await after.launch({})).toMatchObject({ adopted: false });
    expect(await after.terminals.listPanes()).toMatchObject([{ epoch: 1, process: "alive" }]);
  });
});

it("takes a pane that was made before there were generations for one of a store of then (E3)", async () => {
  const world = tmuxWorld();
  await world.launch({});
  await world.tmux.run(["set-option", "-p", "-u", "-t", "=mer:", "@ao_store"]);
  expect(await world.launch({})).toMatchObject({ adopted: true });
  expect(await world.type("x", { id: "1" })).toEqual({ repeated: false });
  expect(await world.destroy({ graceMs: 0 })).not.toEqual({ killed: 0 });
  expect(await world.terminals.listPanes()).toEqual([]);
});

async function messageOf(failed: Promise<unknown>): Promise<string> {
  try {
    await failed;
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}
