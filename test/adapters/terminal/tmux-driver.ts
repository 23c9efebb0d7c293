// A daemon's hand for tests that kill it: carries out effects one after the other and prints the number of each
// that is done. Its argument is `{ home, from, orders }`; effects before `from` are known to be done.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { terminals } from "../../../adapters/terminal/terminals.ts";
import type { EffectData } from "../../../machines/effects.ts";

/** What the driver is told to do. */
export type DriverOrder =
  | { readonly name: "launchTerminal"; readonly data: EffectData<"launchTerminal"> }
  | { readonly name: "typeText"; readonly data: EffectData<"typeText"> };

export interface DriverPlan {
  readonly home: string;
  readonly orders: readonly DriverOrder[];
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test that spawns it wrote it
const { home, orders } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as DriverPlan;
const from = Number(process.argv[3]);
const hands = terminals({
  home,
  socket: join(home, "tmux.sock"),
  generation: () => "",
  launcher: join(import.meta.dirname, "../../../bin/launch"),
  environment: () => ({}),
  pauseMs: 20,
});
const attempt = { effectId: "e", orderedAt: 0, attempt: 1, signal: new AbortController().signal };
process.stdout.write("ready\n");
for (const [n, order] of orders.entries()) {
  if (n < from) continue;
  if (order.name === "typeText") await hands.typeText(order.data, attempt);
  else await hands.launchTerminal(order.data, attempt);
  process.stdout.write(`${n}\n`);
}
