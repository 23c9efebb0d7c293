// The pages in a real Chromium: the first paint of a browser that was never here, how soon a commit is seen in the chart
// of its actor with 500 sessions alive, and how soon any of 10,000 steps is drawn.
//
//   node bench/pages.ts

import { setTimeout as delay } from "node:timers/promises";
import type { Page } from "playwright-core";
import type { ActorSystem } from "../actors/actor-system.ts";
import { bundled, startBrowser } from "../test/support/browser.ts";
import { pagesOver, TOKEN } from "./pages-server.ts";
import { percentile, print } from "./rows.ts";
import { openSessions, withWorld } from "./world.ts";

const SESSIONS = 500;
const STEPS = 10_000;
const PAINTS = 5;
const CHANGES = 60;
const REWINDS = 60;
const LONG = "s1";

/** Milliseconds until the first row of the board stands there, in a browser that kept nothing. */
async function firstPaint(newPage: () => Promise<Page>, url: string): Promise<number> {
  const page = await newPage();
  await page.goto(`${url}/#code=${await codeOf(url)}`);
  await page.locator("a.row").first().waitFor();
  const paint = Number(
    await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"),
  );
  await page.context().close();
  return paint;
}

async function codeOf(url: string): Promise<string> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${url}/api/v1/web/codes`, { method: "POST", headers });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own answer
  return ((await answer.json()) as { code: string }).code;
}

/** Milliseconds from each commit to the frame of the screen in which the chart shows it. */
async function changesSeen(page: Page, system: ActorSystem): Promise<number[]> {
  const late: number[] = [];
  for (let n = 0; n < CHANGES; n += 1) {
    const state = n % 2 === 0 ? "blocked" : "waiting_input";
    const lit = `.state[data-active="true"][data-path="activity.${state}"]`;
    const seen = page.evaluate(`(${SEEN})(${JSON.stringify(lit)})`);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await system.observe("activity", "s0", { state });
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const seenAt = Number(await seen);
    const { seq = 0 } = system.store.snapshot("session/s0") ?? {};
    const [entry] = system.store.journal("session/s0", { after: seq - 1, limit: 1 });
    late.push(seenAt - (entry?.committedAt ?? 0));
  }
  return late;
}

// Until what is looked for is there and was drawn; the time of the page is that of this process.
const SEEN = `(selector) => new Promise((resolve) => {
  const look = () => document.querySelector(selector) === null
    ? requestAnimationFrame(look)
    : requestAnimationFrame(() => resolve(Date.now()));
  look();
})`;

const REWOUND = `(seq) => new Promise((resolve, reject) => {
  const range = document.querySelector(".scrubber input");
  const from = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(range, String(seq));
  range.dispatchEvent(new Event("input", { bubbles: true }));
  const look = () => document.querySelector(".past")?.textContent.includes("after step " + seq + "B")
    ? requestAnimationFrame(() => resolve(performance.now() - from))
    : performance.now() - from > 10_000
      ? reject(Error("step " + seq + " was not drawn; the page is at " + location.search))
      : requestAnimationFrame(look);
  look();
})`;

/** Milliseconds from the move of the scrubber until chart and facts of that step are drawn. */
async function rewinds(page: Page): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < REWINDS; n += 1) {
    // Far from each other: nothing near was read before.
    const seq = 2 + ((n * 7_919) % (STEPS - 2));
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    took.push(Number(await page.evaluate(`(${REWOUND})(${seq})`)));
  }
  return took;
}

async function withHistory(system: ActorSystem): Promise<void> {
  const address = `session/${LONG}` as const;
  for (let n = 0; (system.store.snapshot(address)?.seq ?? 0) < STEPS; n += 500) {
    // oxlint-disable-next-line no-await-in-loop -- so many at once
    await Promise.all(
      Array.from({ length: 500 }, async (_, each) =>
        system.observe("activity", LONG, { state: (n + each) % 2 === 0 ? "active" : "blocked" }),
      ),
    );
  }
  while (system.report().outbox > 0) {
    // oxlint-disable-next-line no-await-in-loop -- until nothing is under way
    await delay(50);
  }
}

await bundled();
await withWorld(async ({ start }) => {
  const system = start();
  const { app, url } = await pagesOver(system);
  const browser = await startBrowser();
  const newPage = async (): Promise<Page> => (await browser.newContext()).newPage();
  try {
    await openSessions(system, SESSIONS);
    await withHistory(system);
    const paints: number[] = [];
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (let n = 0; n < PAINTS; n += 1) paints.push(await firstPaint(newPage, url));
    const page = await newPage();
    await page.goto(`${url}/#code=${await codeOf(url)}`);
    await page.locator("a.row").first().waitFor();
    await page.goto(`${url}/actors/session/s0`);
    await page.locator(".link-state[data-state=live]").waitFor();
    await page.locator(".state").first().waitFor();
    const late = await changesSeen(page, system);
    await page.goto(`${url}/actors/session/${LONG}?at=5000`);
    await page.getByText("As it was after step 5000").waitFor();
    const { seq } = system.store.snapshot(`session/${LONG}`) ?? { seq: 0 };
    await page.locator(`.scrubber input[max="${seq}"]`).waitFor();
    await delay(500);
    const took = await rewinds(page);
    print(`In Chromium: ${SESSIONS} sessions, an actor of ${STEPS} steps`, [
      {
        what: "first paint, cold, the slowest",
        value: Math.max(...paints),
        unit: "ms",
        goal: { atMost: 1_000 },
      },
      {
        what: "from a commit to the chart, 95 of 100",
        value: percentile(late, 0.95),
        unit: "ms",
        goal: { atMost: 100 },
      },
      {
        what: "rewind to any step, 95 of 100",
        value: percentile(took, 0.95),
        unit: "ms",
        goal: { atMost: 200 },
      },
    ]);
  } finally {
    await browser.close();
    await app.close();
    await system.stop();
  }
});
