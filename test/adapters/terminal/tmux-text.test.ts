import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { printable } from "../../../adapters/terminal/text.ts";
import { recorder, slowTmux, tmuxWorld, typed } from "./tmux-world.ts";
import type { TmuxWorld } from "./tmux-world.ts";

/** A world with a program that records what is typed into it. */
async function recording(): Promise<TmuxWorld & { readonly typedText: () => Promise<string> }> {
  const world = tmuxWorld();
  const file = join(world.home, "typed");
  await world.launch({ argv: recorder(file) });
  await expect.poll(() => world.terminals.capture("mer", 5)).toBe("ready");
  return { ...world, typedText: () => readFile(file, "utf8") };
}

it.each([
  { title: "plain text", text: "hello" },
  { title: "lines and tabs", text: "one\n\ttwo\n\nthree" },
  { title: "a leading dash", text: "- item\n-x" },
  { title: "a trailing semicolon", text: "done;" },
  { title: "only a semicolon", text: ";" },
  { title: "quotes, formats and key names", text: `'"\`$(id) #{pane_id} %1 Enter C-c \\` },
  { title: "every language", text: "ünï ☃ 漢字 😀" },
  { title: "orcha-271: nothing at all", text: "" },
])("types $title exactly, then Enter", async ({ text }) => {
  const { type, typedText } = await recording();
  expect(await type(text, { id: "1" })).toEqual({ repeated: false });
  await expect.poll(typedText).toBe(text === "" ? "\r" : typed(text));
});

it("types 8 KiB as they are", async () => {
  const { type, typedText } = await recording();
  const text = "0123456789 ünï\n".repeat(481).padEnd(8_192 - 962, "x");
  expect(Buffer.byteLength(text)).toBe(8_192);
  await type(text, { id: "1" });
  await expect.poll(typedText, { timeout: 20_000 }).toBe(typed(text));
});

it("T8: types one line that names a file where a text is longer, for its owner alone, while its process may read it", async () => {
  const { type, typedText, home, destroy } = await recording();
  const text = "0123456789 ünï;\n".repeat(61_681).concat("and no last newline");
  expect(Buffer.byteLength(text)).toBeGreaterThan(1_048_576);
  const id = "http:owner:../1";
  expect([await type(text, { id }), await type(text, { id })]).toMatchObject([
    { repeated: false },
    { repeated: true },
  ]);
  const [name = ""] = await readdir(join(home, "messages"));
  expect(name).toMatch(/^http_owner_\.\._1\.[0-9a-f]{16}\.md$/);
  const file = join(home, "messages", name);
  const line = `Read all of the file ${file} and do what it says: it is a message to you, too long to be typed.`;
  await expect.poll(typedText).toBe(typed(line));
  expect((await readFile(file, "utf8")) === `${text}\n`).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await type("y".repeat(8_193), { id: "2" });
  expect(await readdir(join(home, "messages"))).toHaveLength(2);
  await destroy();
  expect(await readdir(join(home, "messages"))).toEqual([]);
});

it("T8: types a line as long as a program that reads lines is given whole, and no longer one", async () => {
  const { type, typedText, home } = await recording();
  const longest = "ü".repeat(2_047) + "x";
  await type(longest, { id: "1" });
  await expect.poll(typedText, { timeout: 20_000 }).toBe(typed(longest));
  await type(`short\n${longest}x\n`, { id: "2" });
  await expect.poll(async () => readdir(join(home, "messages"))).toHaveLength(1);
});

it("T5: lets no control character through but tab and newline", async () => {
  const { type, typedText } = await recording();
  await type("a\u001b[201~\u0003b\u0000\u009bc\u007f\r\nd\re\tf", { id: "1" });
  await expect.poll(typedText).toBe(typed("a[201~bc\nd\ne\tf"));
  expect(printable("\ttab\nü")).toBe("\ttab\nü");
});

it("presses no Enter when it shall not", async () => {
  const { type, typedText } = await recording();
  expect(await type("a", { id: "1", submit: false })).toEqual({ repeated: false });
  expect(await type("a", { id: "1", submit: false })).toEqual({ repeated: true });
  await type("b", { id: "2" });
  await expect.poll(typedText).toBe(typed("a", false) + typed("b"));
});

it("T1: types a delivery once however often it is asked, after newer ones too", async () => {
  const { type, typedText } = await recording();
  const first = await Promise.all([type("one", { id: "1" }), type("one", { id: "1" })]);
  expect(first.filter(({ repeated }) => !repeated)).toHaveLength(1);
  for (let n = 2; n <= 20; n += 1) await type(`${n}`, { id: `${n}` });
  expect(await type("one", { id: "1" })).toEqual({ repeated: true });
  const all = ["one", ...Array.from({ length: 19 }, (_, n) => `${n + 2}`)];
  await expect.poll(typedText).toBe(all.map((text) => typed(text)).join(""));
});

it("T2: presses only Enter for text that was pasted before a crash", async () => {
  const { type, typedText } = await recording();
  await type("a", { id: "1", submit: false });
  expect(await type("a", { id: "1" })).toEqual({ repeated: false });
  await expect.poll(typedText).toBe(typed("a"));
});

it("T7: remembers the last 64 deliveries and no more", async () => {
  const { type, tmux } = await recording();
  for (let n = 0; n < 70; n += 1) await type("", { id: `${n}`, submit: false });
  const answer = await tmux.run(["show-options", "-pv", "-t", "=mer:", "@ao_pasted"]);
  expect(answer.type === "done" && answer.stdout.trim().split(" ")).toHaveLength(64);
  expect(await type("", { id: "6", submit: false })).toEqual({ repeated: true });
  expect(await type("", { id: "5", submit: false })).toEqual({ repeated: false });
}, 60_000);

it("T4: refuses a pane whose program has ended, and the fleet's server lives on", async () => {
  const { launch, terminals, type } = tmuxWorld();
  const other = await launch({}, { terminal: "other" });
  await launch({ argv: ["true"] });
  await expect.poll(() => terminals.exitOf({ terminal: "mer", epoch: 1 })).toEqual({ code: 0 });
  await expect(type("x", { id: "1" })).rejects.toMatchObject({ code: "PANE_GONE" });
  expect(await launch({}, { terminal: "other" })).toEqual({ pid: other.pid, adopted: true });
});

// tmux 3.3a crashes when it pastes into a dead pane, so asking it before is not enough.
it("T4: a program that ends while it is typed into takes nobody with it", async () => {
  const { launch, terminals, type, home, tmux } = tmuxWorld();
  const other = await launch({}, { terminal: "other" });
  const { pid } = await launch({});
  const slow = await slowTmux(home);
  vi.stubEnv("PATH", slow.path);
  const outcome = type("x", { id: "1" }).catch((error: unknown) => error);
  await slow.holds();
  process.kill(pid, "SIGKILL");
  await expect
    .poll(() => terminals.listPanes())
    .toContainEqual(expect.objectContaining({ process: "dead" }));
  await slow.goOn();
  expect(await outcome).toMatchObject({ code: "PANE_GONE" });
  expect(await tmux.run(["list-buffers"])).toEqual({ type: "done", stdout: "" });
  expect(await launch({}, { terminal: "other" })).toEqual({ pid: other.pid, adopted: true });
});

it("T1: types nothing into the next epoch that came while it was typing", async () => {
  const { launch, terminals, type, home } = tmuxWorld();
  await launch({});
  const slow = await slowTmux(home);
  vi.stubEnv("PATH", slow.path);
  const outcome = type("x", { id: "1" }).catch((error: unknown) => error);
  await slow.holds();
  await launch({ argv: recorder(join(home, "typed")) }, { epoch: 2 });
  await expect.poll(() => terminals.capture("mer", 5)).toBe("ready");
  await slow.goOn();
  expect(await outcome).toMatchObject({ code: "PANE_FOREIGN" });
  expect(await readFile(join(home, "typed"), "utf8")).toBe("");
});

it("refuses another epoch than the pane's, and a pane that is not there", async () => {
  const { type, typedText } = await recording();
  await expect(type("x", { id: "1", epoch: 2 })).rejects.toMatchObject({ code: "PANE_FOREIGN" });
  await expect(type("x", { id: "1", epoch: 0 })).rejects.toMatchObject({ code: "PANE_FOREIGN" });
  await expect(type("x", { id: "1", terminal: "no" })).rejects.toMatchObject({ code: "PANE_GONE" });
  await type("y", { id: "2" });
  await expect.poll(typedText).toBe(typed("y"));
});

it("T6: types into the agent's pane though a user has split the window, renamed the session and scrolled back", async () => {
  const { type, typedText, tmux, terminals } = await recording();
  await tmux.run(["split-window", "-b", "-t", "=mer:", "--", "cat"]);
  await tmux.run(["rename-session", "-t", "=mer", "mine"]);
  const { stdout } = {
    stdout: "",
    ...(await tmux.run(["list-panes", "-a", "-F", "#{@ao_epoch} #{pane_id}"])),
  };
  const id = /^1 (%\d+)$/m.exec(stdout)?.[1] ?? "";
  await tmux.run(["copy-mode", "-t", id]);
  await type("hello", { id: "1" });
  await expect.poll(typedText).toBe(typed("hello"));
  expect(await terminals.capture("mer", 5)).toBe("ready");
});

it("leaves no text behind, neither in a file nor in a buffer", async () => {
  const { type, tmux, home } = await recording();
  await type("secret", { id: "1" });
  await type("secret", { id: "1" });
  expect(await tmux.run(["list-buffers"])).toEqual({ type: "done", stdout: "" });
  expect((await readdir(join(home, "terminals"))).toSorted()).toEqual(["mer.1.start"]);
});

it("T8: keeps two texts in two files, however alike their ids are", async () => {
  const { type, home, launch } = await recording();
  await launch({}, { terminal: "other" });
  const long = "y".repeat(8_193);
  const same = "a".repeat(150);
  for (const id of ["x/1", "x?1", `${same}1`, `${same}2`]) await type(long, { id });
  await type(long, { id: "x/1", terminal: "other" });
  expect(await readdir(join(home, "messages"))).toHaveLength(5);
});
