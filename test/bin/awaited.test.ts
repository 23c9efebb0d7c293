import { expect, it, onTestFinished, vi } from "vitest";
import { awaited } from "../../bin/cli/awaited.ts";

/** What is written on standard error while something takes `ms`. */
async function written(
  ms: number,
  { isTTY = true, isJson = false, what = "fetching x", columns = 80 },
): Promise<string> {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let text = "";
  const screen = { isTTY, columns, rows: 24, write: (more: string) => (text += more) };
  const run = async (): Promise<number> => new Promise((done) => setTimeout(done, ms, 7));
  const given = awaited({ isJson }, what, run, screen);
  await vi.advanceTimersByTimeAsync(ms);
  expect(await given).toBe(7);
  return text;
}

it("what takes its time is told on one line of a terminal, which is gone when it is done", async () => {
  expect(await written(2_500, {})).toBe(
    "\r\u001B[Kao: fetching x: 1 s\r\u001B[Kao: fetching x: 2 s\r\u001B[K",
  );
});

it.each([
  { title: "of what is done at once", ms: 900, more: {} },
  { title: "where nobody looks on", ms: 2_500, more: { isTTY: false } },
  { title: "beside JSON", ms: 2_500, more: { isJson: true } },
])("nothing is told $title", async ({ ms, more }) => {
  expect(await written(ms, more)).toBe("");
});

it("is told in what fits the terminal, without what it would obey", async () => {
  const told = await written(1_500, { what: "fetching \u001B[2J and more", columns: 18 });
  expect(told).toBe("\r\u001B[Kao: fetching  [2J\r\u001B[K");
});
