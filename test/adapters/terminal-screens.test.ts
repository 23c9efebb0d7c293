import { expect, it } from "vitest";
import { tmuxWorld, type TmuxWorld } from "./tmux-world.ts";
import { eventually } from "../support/eventually.ts";

async function says(world: TmuxWorld, terminal: string, text: string): Promise<void> {
  await world.launch(
    { argv: ["sh", "-c", `printf '%s' '${text}'; printf '\\n'; exec cat`] },
    { terminal },
  );
  await eventually(async () => expect(await world.terminals.capture(terminal, 5)).not.toBe(""));
}

it("shows what many terminals show, each its own, and nothing of one that is not there", async () => {
  const world = tmuxWorld();
  await says(world, "mer-1", "first");
  await says(world, "mer-10", "ten; -- %s $HOME");
  const screens = await world.terminals.screens(["mer-1", "mer-10", "mer-2"]);
  expect([...screens.keys()].toSorted()).toEqual(["mer-1", "mer-10"]);
  expect(screens.get("mer-1")?.trim()).toBe("first");
  expect(screens.get("mer-10")?.trim()).toMatch(/^ten; -- /);
});

it("shows nothing when there is no server, and nobody to look at", async () => {
  const { terminals } = tmuxWorld();
  expect((await terminals.screens(["mer-1"])).size).toBe(0);
  expect((await terminals.screens([])).size).toBe(0);
});

it("looks once more when a pane goes away while it looks (C1)", async () => {
  const world = tmuxWorld();
  await says(world, "mer-1", "first");
  await says(world, "mer-2", "second");
  const looking = world.terminals.screens(["mer-1", "mer-2"]);
  await world.destroy({ terminal: "mer-1" });
  expect([...(await looking).keys()]).toContain("mer-2");
});
