import { expect, it } from "vitest";
import { withWholeLines } from "../../../adapters/terminal/screens.ts";
import { tmuxWorld, type TmuxWorld } from "./tmux-world.ts";
import { eventually } from "../../support/eventually.ts";

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

it("brings a line whole that the terminal broke (C2)", async () => {
  const world = tmuxWorld();
  const line = Array.from({ length: 60 }, (_, n) => `word-${n}`).join(" ");
  await says(world, "mer-1", line);
  await eventually(async () =>
    expect((await world.terminals.screens(["mer-1"])).get("mer-1")?.trim()).toBe(line),
  );
});

it.each([
  {
    title: "joins what a program broke at its edge",
    screen: "⏺ I mended the test and\n  pushed it.\n\n",
    is: "⏺ I mended the test and pushed it.\n\n",
  },
  { title: "leaves lines that end by themselves", screen: "one\ntwo", is: "one\ntwo" },
  {
    title: "leaves what begins anew",
    screen: "⏺ I mended the test yes.\n⏺ Then I slept.\n1. a b",
    is: "⏺ I mended the test yes.\n⏺ Then I slept.\n1. a b",
  },
  {
    title: "leaves the frame",
    screen: "╭────────────────────────╮\n│ Delete it and go on?   │\nyes",
    is: "╭────────────────────────╮\n│ Delete it and go on?   │\nyes",
  },
  {
    title: "goes on behind a line that the terminal broke",
    screen: `${"x".repeat(26)} and so it is quite long\nnow it ends`,
    is: `${"x".repeat(26)} and so it is quite long now it ends`,
  },
])("$title (C2)", ({ screen, is }) => {
  expect(withWholeLines(screen, 26)).toBe(is);
});
