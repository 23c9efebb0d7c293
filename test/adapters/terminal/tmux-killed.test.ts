import { execa } from "execa";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import type { DriverOrder, DriverPlan } from "./tmux-driver.ts";
import { isAlive, launchSpec, recorder, slowTmux, tmuxWorld, typed } from "./tmux-world.ts";
import { COMPILED } from "../../support/compiled.ts";
import { eventually } from "../../support/eventually.ts";

// A process carries out effects through the adapter and is killed with SIGKILL at random moments, then another
// one goes on behind the last effect that was reported done, as a daemon does at boot.

const DRIVER = join(import.meta.dirname, "tmux-driver.ts");

// Each start of a driver costs half a second: enough kills to meet every step, not more.
const KILLS = 8;
const WITHIN_MS = 250;

/** Carries all orders out; the number of drivers that were killed meanwhile. */
async function carryOutKilling(plan: DriverPlan): Promise<number> {
  const file = join(plan.home, "plan.json");
  await writeFile(file, JSON.stringify(plan));
  let done = 0;
  let kills = 0;
  while (done < plan.orders.length) {
    const driver = execa("node", [DRIVER, file, String(done)], {
      detached: true,
      reject: false,
      env: COMPILED,
      buffer: { stdout: false },
    });
    const { pid = 0 } = driver;
    // Every other time its tmux clients die with it, being of its group; else they go on alone.
    const victim = kills % 2 === 0 ? pid : -pid;
    const kill = () => process.kill(victim, "SIGKILL");
    let timer: NodeJS.Timeout | undefined;
    for await (const line of createInterface({ input: driver.stdout })) {
      if (line !== "ready") done = Number(line) + 1;
      else if (kills < KILLS) timer = setTimeout(kill, Math.random() * WITHIN_MS);
    }
    clearTimeout(timer);
    const { signal, stderr } = await driver;
    if (signal === "SIGKILL") kills += 1;
    else if (stderr !== "") throw new Error(stderr);
  }
  return kills;
}

it("T1, T2: types every text once, in order, though the daemon is killed again and again", async () => {
  const { home, launch, terminals } = tmuxWorld();
  const file = join(home, "typed");
  await launch({ argv: recorder(file) });
  await expect.poll(() => terminals.capture("mer", 5)).toBe("ready");
  const texts = Array.from(
    { length: 16 },
    (_, n) => `${n}: ${"x;\n".repeat(n % 4 === 0 ? 2_700 : 3)}`,
  );
  const orders = texts.map((text, n): DriverOrder => ({
    name: "typeText",
    data: { terminal: "mer", host: "local", epoch: 1, deliveryId: `d${n}`, text, submit: true },
  }));
  const kills = await carryOutKilling({ home, orders });
  const expected = texts.map((text) => typed(text)).join("");
  await eventually(async () => expect((await readFile(file, "utf8")).length).toBe(expected.length));
  expect((await readFile(file, "utf8")) === expected).toBe(true);
  expect(kills).toBeGreaterThanOrEqual(3);
}, 120_000);

it("A1: runs every program once though the daemon is killed again and again", async () => {
  const { home, terminals } = tmuxWorld();
  await mkdir(join(home, "runs"));
  const script = 'echo "$AO_TERMINAL_ID.$AO_EPOCH $$" >> "$0"; exec cat';
  const launch = launchSpec({ argv: ["sh", "-c", script, join(home, "runs/all")] });
  const epochs = Array.from({ length: 5 }, (_, n) => n + 1);
  const orders = ["a", "b"].flatMap((terminal) =>
    epochs.map((epoch): DriverOrder => ({
      name: "launchTerminal",
      data: { terminal, host: "local", epoch, launch },
    })),
  );
  const kills = await carryOutKilling({ home, orders });
  const lines = (await readFile(join(home, "runs/all"), "utf8")).trim().split("\n");
  const ran = lines.map((line) => line.split(" ")[0] ?? "");
  expect(ran.toSorted()).toEqual([...new Set(ran)].toSorted());
  const alive = await Promise.all(lines.map((line) => isAlive(Number(line.split(" ")[1]))));
  const living = ran.filter((_, n) => alive[n]);
  expect(living.toSorted()).toEqual(["a.5", "b.5"]);
  expect(await terminals.listPanes()).toHaveLength(2);
  expect(kills).toBeGreaterThanOrEqual(3);
}, 120_000);

it("T3: a daemon killed while it hands a text over leaves no half of it in the pane", async () => {
  const { home, launch, terminals, type } = tmuxWorld();
  const file = join(home, "typed");
  await launch({ argv: recorder(file) });
  await expect.poll(() => terminals.capture("mer", 5)).toBe("ready");
  // As long as a text may be that is typed and not put into a file.
  const text = "0123456789abcde\n".repeat(512);
  const slow = await slowTmux(home);
  const data = { terminal: "mer", host: "local", epoch: 1, deliveryId: "long", text, submit: true };
  const plan: DriverPlan = { home, orders: [{ name: "typeText", data }] };
  await writeFile(join(home, "plan.json"), JSON.stringify(plan));
  const driver = execa("node", [DRIVER, join(home, "plan.json"), "0"], {
    env: { PATH: slow.path },
    reject: false,
    stdio: "ignore",
  });
  await slow.holds();
  driver.kill("SIGKILL");
  await driver;
  await slow.goOn();
  const pasted = typed(text, false).length;
  await eventually(async () => expect((await readFile(file, "utf8")).length).toBe(pasted));
  await type(text, { id: "long" });
  await eventually(async () => expect((await readFile(file, "utf8")) === typed(text)).toBe(true));
}, 60_000);
