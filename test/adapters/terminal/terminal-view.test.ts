import { expect, it } from "vitest";
import type { Grid, View } from "../../../adapters/terminal/view.ts";
import { unescaped } from "../../../adapters/terminal/control.ts";
import type { Terminals } from "../../../adapters/terminal/terminals.ts";
import { tmuxWorld, type TmuxWorld } from "./tmux-world.ts";

interface Seen {
  readonly view: View;
  /** The last screen, and everything after it. */
  readonly text: () => string;
  readonly screens: () => number;
  readonly grid: () => Grid | undefined;
  readonly isEnded: () => boolean;
}

async function watch(terminals: Terminals, terminal = "mer"): Promise<Seen> {
  let text = "";
  let screens = 0;
  let grid: Grid | undefined;
  let isEnded = false;
  const view = await terminals.watch(terminal, {
    onScreen: (bytes, size) => {
      text = bytes.toString();
      grid = size;
      screens += 1;
    },
    onOutput: (bytes) => {
      text += bytes.toString();
    },
    onGrid: (size) => {
      grid = size;
    },
    onEnd: () => {
      isEnded = true;
    },
  });
  return {
    view,
    text: () => text,
    screens: () => screens,
    grid: () => grid,
    isEnded: () => isEnded,
  };
}

async function clientsOf({ tmux }: TmuxWorld): Promise<string[]> {
  const answer = await tmux.run(["list-clients", "-F", "#{client_name}"]);
  return answer.type === "done" ? answer.stdout.split("\n").filter(Boolean) : [];
}

// oxlint-disable-next-line no-control-regex -- it is what a terminal is told
const PLACING = /\u001B\[0m\u001B\[\d+;\d+H/g;
const COUNTER = ["sh", "-c", 'i=0; while read -r line; do i=$((i+1)); echo "$i:$line"; done'];

it("shows what was printed before, and every byte after, once (V1)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["sh", "-c", `printf 'früher %s\\n' a b; ${COUNTER[2]}`] });
  const seen = await watch(world.terminals);
  await expect.poll(seen.text).toContain("früher b");
  for (const line of ["eins", "zwei", "drei"]) seen.view.type(Buffer.from(`${line}\r`));
  await expect.poll(seen.text).toContain("3:drei");
  for (const line of ["1:eins", "2:zwei", "3:drei"])
    expect(seen.text().split(line)).toHaveLength(2);
});

it("loses and repeats nothing for one who comes while much is printed (V1)", async () => {
  const world = tmuxWorld({ historyLines: 50_000 });
  const script = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "<$i>"; done; cat';
  await world.launch({ argv: ["sh", "-c", script] });
  const seen = await Promise.all([1, 2, 3].map(async () => watch(world.terminals)));
  for (const { text } of seen) {
    // oxlint-disable-next-line no-await-in-loop -- all of them end together
    await expect.poll(text).toContain("<20000>");
    // The screen may end within a line; then the place of the cursor stands in the middle of a number.
    const plain = text().replaceAll(PLACING, "");
    const numbers = [...plain.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  }
  expect(await clientsOf(world)).toHaveLength(1);
});

it("types bytes as they are (V1)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["cat"] });
  const seen = await watch(world.terminals);
  seen.view.type(Buffer.from(`ä → 🙂 ;'"$#{x}${"y".repeat(600)}\r`));
  await expect.poll(seen.text).toContain(`ä → 🙂 ;'"$#{x}`);
  await expect.poll(seen.text).toContain("y".repeat(200));
});

it("changes no size by looking, and takes the largest that is asked for (V3)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["cat"] });
  const first = await watch(world.terminals);
  await expect.poll(first.grid).toEqual({ columns: 220, rows: 50 });
  const second = await watch(world.terminals);
  first.view.resize({ columns: 90, rows: 40 });
  await expect.poll(second.grid).toEqual({ columns: 90, rows: 40 });
  second.view.resize({ columns: 100, rows: 30 });
  await expect.poll(first.grid).toEqual({ columns: 100, rows: 40 });
  second.view.close();
  await expect.poll(first.grid).toEqual({ columns: 90, rows: 40 });
});

it("lets tmux go with the last who looks, and looks again for the next (V2)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["cat"] });
  const first = await watch(world.terminals);
  const second = await watch(world.terminals);
  await expect.poll(second.screens).toBe(1);
  first.view.close();
  expect(await clientsOf(world)).toHaveLength(1);
  second.view.close();
  await expect.poll(async () => clientsOf(world)).toEqual([]);
  const third = await watch(world.terminals);
  await expect.poll(third.screens).toBe(1);
});

it("shares the client of one who came while that of the last was going (V2)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["cat"] });
  const first = await watch(world.terminals);
  await expect.poll(first.screens).toBe(1);
  first.view.close();
  const second = await watch(world.terminals);
  await expect.poll(second.screens).toBe(1);
  await expect.poll(async () => clientsOf(world)).toHaveLength(1);
  const third = await watch(world.terminals);
  await expect.poll(third.screens).toBe(1);
  expect(await clientsOf(world)).toHaveLength(1);
});

it("tells the end of a terminal that goes while somebody looks (V4)", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["cat"] });
  const seen = await watch(world.terminals);
  await expect.poll(seen.screens).toBe(1);
  await world.destroy();
  await expect.poll(seen.isEnded).toBe(true);
  await expect(watch(world.terminals)).rejects.toMatchObject({ code: "PANE_GONE" });
});

it("draws all of it again when asked", async () => {
  const world = tmuxWorld();
  await world.launch({ argv: ["sh", "-c", "echo hello; cat"] });
  const seen = await watch(world.terminals);
  await expect.poll(seen.text).toContain("hello");
  seen.view.redraw();
  await expect.poll(seen.screens).toBe(2);
  expect(seen.text()).toContain("hello");
});

it.each([
  { escaped: String.raw`a\033[0mb`, bytes: "a\u001B[0mb" },
  { escaped: String.raw`\134033`, bytes: String.raw`\033` },
  { escaped: "plain ü", bytes: "plain ü" },
  { escaped: String.raw`end\01`, bytes: String.raw`end\01` },
])("reads $escaped as tmux means it (C2)", ({ escaped, bytes }) => {
  expect(unescaped(Buffer.from(escaped)).toString()).toBe(bytes);
});
