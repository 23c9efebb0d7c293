import { appendFileSync, existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFailed, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { tempFolder } from "../support/folder.ts";
import { bundled, startBrowser } from "../support/browser.ts";
import { endLeftovers } from "../support/leftovers.ts";
import { tabTo } from "../support/page.ts";

const ENTRY = join(import.meta.dirname, "../../bin/entry.js");

// The demo itself gives up when no step was made for 50 s, and says what it waited for: that shall be heard.
vi.setConfig({ testTimeout: 150_000 });

/** The demo in a folder of its own, which is empty when it leaves nothing behind. */
function demo(...args: string[]) {
  const folder = tempFolder();
  onTestFinished(async () => void (await endLeftovers(folder, 0)));
  const env = { TMPDIR: folder };
  const told = execa(process.execPath, [ENTRY, "demo", ...args], { env, reject: false, all: true });
  onTestFinished(() => void told.kill("SIGKILL"));
  let words = "";
  told.all.on("data", (chunk: Buffer) => (words += chunk.toString()));
  onTestFailed(() => void process.stderr.write(`the demo said:\n${words}\n`));
  const diary = async (session: string): Promise<string> => {
    const find = (): string | undefined => globSync(join(folder, "ao-demo-*/diary", session))[0];
    await expect.poll(find, { timeout: 20_000 }).toBeDefined();
    return find() ?? "";
  };
  return { folder, told, diary };
}

it("plays to its end, and leaves no process and no folder", async () => {
  const { folder, told } = demo();
  const { exitCode, all } = await told;
  expect(all).toMatch(/^All 29 facts hold\.$/m);
  expect(exitCode).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  expect(await endLeftovers(folder, 2_000)).toEqual([]);
});

const Told = z.strictObject({
  failed: z.number(),
  facts: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z-]+$/),
      held: z.boolean(),
      words: z.string(),
    }),
  ),
});

// As if each had been told what another one was.
const FALSE_WORDS = [
  "started 1",
  "told comment hello",
  "told conflict thanks",
  "told review thanks",
];
const BROKEN = [
  "each agent was started once",
  "a review comment reached the right agent once",
  "a merge conflict reached the right agent once",
  "requested changes reached the right agent once",
];

it("fails when facts do not hold, and says which", async () => {
  const { folder, told, diary } = demo("--json");
  appendFileSync(await diary("demo-o1-w2"), `${FALSE_WORDS.join("\n")}\n`);
  const { exitCode, all, stdout } = await told;
  const { failed, facts } = Told.parse(JSON.parse(stdout));
  expect([failed, new Set(facts.map(({ name }) => name)).size]).toEqual([BROKEN.length, 29]);
  expect(facts.filter(({ held }) => !held).map(({ words }) => words)).toEqual(BROKEN);
  expect([...all.matchAll(/^ {2}✗ (.*)$/gm)].map(([, fact]) => fact)).toEqual(BROKEN);
  expect(all).toMatch(/^4 of 29 facts do not hold\.$/m);
  expect(exitCode).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

it.each(["SIGINT", "SIGHUP"] as const)("leaves nothing when it is ended by %s", async (signal) => {
  const { folder, told, diary } = demo();
  await diary("demo-2");
  told.kill(signal);
  const { exitCode, all } = await told;
  expect(exitCode).toBe(130);
  expect(all).not.toMatch(/facts hold/);
  expect(all).toMatch(/stopped; nothing of it is left$/);
  expect(readdirSync(folder)).toEqual([]);
  expect(await endLeftovers(folder, 2_000)).toEqual([]);
});

it("leaves nothing when its reader has seen enough", async () => {
  const folder = tempFolder();
  onTestFinished(async () => void (await endLeftovers(folder, 0)));
  const { stdout, stderr } = await execa(
    "sh",
    ["-c", '"$0" "$1" demo | head -n 3', process.execPath, ENTRY],
    { env: { TMPDIR: folder } },
  );
  expect(stdout.split("\n")).toHaveLength(3);
  expect(stderr).toMatch(/stopped; nothing of it is left$/);
  expect(readdirSync(folder)).toEqual([]);
  expect(await endLeftovers(folder, 2_000)).toEqual([]);
});

/** A stranger goes by the keyboard alone from the link to the board, and from there to the reviewer that was superseded, its time and reason. */
async function tellsOfTheSuperseded(link: string): Promise<void> {
  const browser = await startBrowser();
  onTestFinished(async () => browser.close());
  const page = await browser.newPage();
  await page.goto(link);
  await page
    .locator(".row", { hasText: /superseded by a push of [0-9a-f]{7} → approved/ })
    .waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("superseded");
  await page.locator(".section", { hasText: "Sessions" }).waitFor({ state: "hidden" });
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  const told = page.locator(".voided", { hasText: /at [\d:.]+ by a push of [0-9a-f]{9}$/ });
  // The panel of the tab, then the first that can be pressed in it.
  await tabTo(page, await told.getByRole("button").innerText());
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator('.state[data-active="true"][data-path="run.superseded"]').waitFor();
  await page.goto(new URL("/actors/terminal/review-demo-o1-w1", link).href);
  await page.getByRole("tab", { name: "Journal" }).click();
  await page.getByText("destroyTerminal.done").first().waitFor();
}

it("keeps a home that can be used when it is told to", async () => {
  await bundled();
  const { told } = demo("--keep");
  const { exitCode, all } = await told;
  expect(all).toMatch(/^All 28 facts hold\.$/m);
  expect(exitCode).toBe(0);
  const home = /AO_HOME=(\S+) \S+\/bin\/ao ls --all/.exec(all ?? "")?.[1] ?? "";
  const ao = async (...args: string[]) =>
    execa(process.execPath, [ENTRY, ...args], { env: { AO_HOME: home } });
  expect((await ao("ls", "--all")).stdout).toMatch(/demo-1[^]*demo-2/);
  expect((await ao("pr", "ls", "demo")).stdout).toMatch(/merged/);
  await tellsOfTheSuperseded((await ao("ui")).stdout);
  await ao("kill", "demo-1");
  await expect.poll(async () => (await ao("intake", "--json")).stdout).toMatch(/"outbox": ?0/);
  await ao("down");
  expect(existsSync(join(home, "run.json"))).toBe(false);
  expect(await endLeftovers(home, 5_000)).toEqual([]);
});
