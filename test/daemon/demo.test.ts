import { appendFileSync, existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFailed, onTestFinished, vi } from "vitest";
import { tempFolder } from "../support/folder.ts";
import { endLeftovers } from "../support/leftovers.ts";

const ENTRY = join(import.meta.dirname, "../../bin/entry.ts");

// The demo itself gives up after 50 s of waiting for one thing, and says for what: that shall be heard.
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
  expect(all).toMatch(/^All 10 facts hold\.$/m);
  expect(exitCode).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  expect(await endLeftovers(folder, 2_000)).toEqual([]);
});

it("fails when a fact does not hold, and says which", async () => {
  const { folder, told, diary } = demo();
  appendFileSync(await diary("demo-1"), "started\n");
  const { exitCode, all } = await told;
  expect(all).toMatch(/^ {2}✗ each agent was started once$/m);
  expect(all).toMatch(/^1 of 10 facts do not hold\.$/m);
  expect(exitCode).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

it("leaves nothing when it is interrupted", async () => {
  const { folder, told, diary } = demo();
  await diary("demo-2");
  told.kill("SIGINT");
  const { exitCode, all } = await told;
  expect(exitCode).toBe(1);
  expect(all).not.toMatch(/facts hold/);
  expect(readdirSync(folder)).toEqual([]);
  expect(await endLeftovers(folder, 2_000)).toEqual([]);
});

it("keeps a home that can be used when it is told to", async () => {
  const { told } = demo("--keep");
  const { exitCode, all } = await told;
  expect(all).toMatch(/^All 9 facts hold\.$/m);
  expect(exitCode).toBe(0);
  const home = /AO_HOME=(\S+) ao ls/.exec(all ?? "")?.[1] ?? "";
  const ao = async (...args: string[]) =>
    execa(process.execPath, [ENTRY, ...args], { env: { AO_HOME: home } });
  expect((await ao("ls", "--all")).stdout).toMatch(/demo-1[^]*demo-2/);
  expect((await ao("pr", "ls", "demo")).stdout).toMatch(/merged/);
  for (const id of ["demo-1", "demo-2"]) {
    // oxlint-disable-next-line no-await-in-loop -- one at a time is enough
    await ao("kill", id);
  }
  await expect.poll(async () => (await ao("intake", "--json")).stdout).toMatch(/"outbox": ?0/);
  await ao("down");
  expect(existsSync(join(home, "run.json"))).toBe(false);
  expect(await endLeftovers(home, 5_000)).toEqual([]);
});
