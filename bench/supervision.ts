// The tick over objectives: how long the index takes to name those that are due.
//
//   node bench/supervision.ts [OBJECTIVES [DUE]]

import { watchIndex } from "../actors/audit.ts";
import { percentile, print } from "./rows.ts";

const OBJECTIVES = Number(process.argv[2] ?? 10_000);
const DUE = Number(process.argv[3] ?? 10);
const TICKS = 1_000;
const TICK_MS = 15_000;

const index = watchIndex();
for (let n = 0; n < OBJECTIVES; n += 1) index.note(`o${n}`, 1_000_000_000 + n);

const ticks = Array.from({ length: TICKS }, (_, tick) => {
  const at = tick * TICK_MS;
  for (let n = 0; n < DUE; n += 1) index.note(`o${(tick * DUE + n) % OBJECTIVES}`, at);
  const startedAt = performance.now();
  const due = index.due(at, 256);
  const tookMs = performance.now() - startedAt;
  if (due.length !== DUE) throw new Error(`${due.length} of ${DUE} were named`);
  // They have been looked at, and are due again much later.
  for (const { id } of due) index.note(id, 2_000_000_000 + tick);
  return tookMs;
});
print(`A tick over ${OBJECTIVES} objectives of which ${DUE} are due`, [
  { what: "median", value: percentile(ticks, 0.5), unit: "ms", goal: { atMost: 5 } },
  { what: "99 of 100", value: percentile(ticks, 0.99), unit: "ms", goal: { atMost: 5 } },
]);
