/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-argument, typescript/no-unsafe-assignment -- looks into bodies of every shape */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bus } from "../../bus/bus.ts";
import { memoryBus } from "../../bus/memory-bus.ts";
import { memoryStream } from "../../bus/memory-stream.ts";
import { faults } from "../support/axe.ts";
import { bundled, startBrowser } from "../support/browser.ts";
import { withProject, withSession } from "../support/http.ts";
import { pullFacts } from "../support/pulls.ts";
import { sharedSite, siteIn, type SharedSite } from "../support/site.ts";

let browser: Browser;
/** Of the tests that only need a session of their own. */
let shared: SharedSite;

beforeAll(async () => {
  await bundled();
  browser = await startBrowser();
  shared = await sharedSite(browser);
}, 120_000);

afterAll(async () => {
  await shared.end();
  await browser.close();
});

describe("the board", () => {
  it("says why it cannot be read, and shows it once it can", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    const id = await withSession(site);
    const { page, complaints } = await site.open("/health");
    const refusal = { code: "STORE_CORRUPT", message: "read the board: a row is broken" };
    await page.route(/\/board\?/, async (route) => route.fulfill({ status: 500, json: refusal }));
    await page.goto(site.url);
    await page.getByRole("heading", { name: "The board could not be read" }).waitFor();
    await page.getByRole("paragraph").filter({ hasText: refusal.message }).waitFor();
    await page.unroute(/\/board\?/);
    await page.locator(`a.row[data-address="session/${id}"]`).waitFor();
    expect(await page.getByText("could not be read").count()).toBe(0);
    // Chromium itself notes each status.
    expect(complaints.splice(0).filter((line) => !line.includes("500"))).toEqual([]);
  });

  it("says that nothing is under way, and how to begin, and goes on when something is", async () => {
    const site = await siteIn(browser);
    const still = { colorScheme: "light", reducedMotion: "reduce" } as const;
    const { page } = await site.open("/", still);
    await page.getByRole("heading", { name: "Nothing is under way" }).waitFor();
    await page.getByText("ao project add .").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await faults(page)).toEqual([]);
    await withProject(site);
    await page.getByText("There is a project, and no work in it yet.").waitFor();
    const id = await withSession(site);
    await page.locator(`a.row[data-address="session/${id}"]`).waitFor();
    expect(await page.getByText("Nothing is under way").count()).toBe(0);
  });

  it("says what a timer will bring, and when", async () => {
    const id = await withSession(shared);
    const { page } = await shared.open("/");
    const row = page.locator(`a.row[data-address="session/${id}"]`);
    await expect
      .poll(async () => row.innerText())
      .toMatch(/\bin \d+ (min|h): looks again if silent\b/);
    // Of an agent without hooks that is all there is to know.
    expect(await row.innerText()).toContain("it runs, and has not spoken yet");
  });
});

/** What of a chart sticks out of the box that it is drawn in. */
async function stickingOut(page: Page): Promise<unknown> {
  return page.evaluate(`(() => {
    const room = document.querySelector(".chart").getBoundingClientRect();
    return [...document.querySelectorAll(".state")]
      .filter((state) => {
        const { left, right, top, bottom } = state.getBoundingClientRect();
        return left < room.left || right > room.right || top < room.top || bottom > room.bottom;
      })
      .map((state) => state.dataset.path);
  })()`);
}

describe("a chart", () => {
  it("is brought back into its room by a press, whole, however near it was", async () => {
    const { page } = await shared.open(`/actors/session/${await withSession(shared)}`);
    await page.locator(".state").first().waitFor();
    await expect.poll(async () => stickingOut(page)).toEqual([]);
    const nearer = page.getByRole("button", { name: "Zoom In" });
    for (let presses = 0; presses < 5; presses += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one press after the other
      await nearer.click();
    }
    await expect.poll(async () => stickingOut(page)).not.toEqual([]);
    await page.getByRole("button", { name: "Fit View" }).click();
    await expect.poll(async () => stickingOut(page)).toEqual([]);
  });

  it("folds a state, and opens it again where everything was", async () => {
    const { page } = await shared.open(`/actors/terminal/${await withSession(shared)}`);
    const inside = page.locator('.state[data-path="live.ready"]');
    await inside.waitFor();
    const at = async (): Promise<unknown> =>
      page.evaluate(
        '[...document.querySelectorAll(".react-flow__node")].map(({ style }) => style.transform)',
      );
    const before = await at();
    await page.getByRole("button", { name: "Fold live" }).click();
    await inside.waitFor({ state: "detached" });
    // Where it is, is still seen.
    await page.locator('.state[data-path="live"][data-active="true"]').waitFor();
    await page.getByRole("button", { name: "Open live" }).click();
    await inside.waitFor();
    expect(await at()).toEqual(before);
  });

  it("draws of an ended session as noted, not as now, what its agent was in", async () => {
    const id = await withSession(shared);
    await shared.system.observe("activity", id, { state: "active" });
    await shared.request("POST", `/sessions/${id}/report`, { outcome: "success", summary: "all" });
    await shared.request("POST", `/sessions/${id}/kill`, {});
    const { page } = await shared.open(`/actors/session/${id}`);
    await page.locator('.state[data-path="wanted.stopped.closed"][data-active="true"]').waitFor();
    const alive = page.locator('.state[data-path="runtime.alive"]');
    expect(await alive.getAttribute("data-active")).toBe("false");
    expect(await alive.getAttribute("data-left")).toBe("true");
    await page.getByText("was so at the agent's end").waitFor();
  });

  it("draws moves of the journal in their own colour, also where less motion is asked for", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    const still = { reducedMotion: "reduce" } as const;
    const { page } = await site.open(`/actors/terminal/${await withSession(site)}`, still);
    await page.locator(".scrubber").waitFor();
    const isBlue = `(() => {
      const canvas = document.querySelector(".scrubber canvas");
      const { width, height } = canvas;
      const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, width, height);
      return data.some((red, at) => at % 4 === 0 && data[at + 3] === 255 && data[at + 2] > red + 80);
    })()`;
    await expect.poll(async () => page.evaluate(isBlue)).toBe(true);
  });
});

describe("what an actor waits for", () => {
  it("counts timers down", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    const id = await withSession(site);
    const { page } = await site.open("/health");
    await page.clock.install();
    await page.goto(`${site.url}/actors/session/${id}`);
    await page.getByRole("tab", { name: "Waits" }).click();
    const left = page.locator(".tab-panel dd strong").filter({ hasText: /^in / });
    await left.waitFor();
    const before = await left.innerText();
    await page.clock.fastForward(125_000);
    await expect.poll(async () => left.innerText()).not.toBe(before);
    expect(secondsOf(before) - secondsOf(await left.innerText())).toBeGreaterThanOrEqual(120);
  });

  it("is of the step that it says, while the chart shows a newer one already", async () => {
    const id = await withSession(shared);
    const { page } = await shared.open(`/actors/session/${id}`);
    const step = page.locator(".side-step");
    const kill = page.getByRole("button", { name: "Kill …" });
    await page.getByRole("tab", { name: "Waits" }).click();
    await page.getByRole("term").filter({ hasText: "watch" }).waitFor();
    await expect.poll(() => shared.system.report().outbox).toBe(0);
    const before = (await shared.request("GET", `/actors/session/${id}`)).body.seq;
    await expect.poll(async () => step.innerText()).toBe(`After step ${before}`);
    const gate = Promise.withResolvers<void>();
    await page.route(/frames\/last$/, async (route) => {
      await gate.promise;
      await route.continue();
    });
    expect(await kill.isDisabled()).toBe(false);
    await shared.request("POST", `/sessions/${id}/kill`, {});
    await page.locator('.state[data-path="wanted.stopped.closed"][data-active="true"]').waitFor();
    expect(await step.innerText()).toMatch(
      new RegExp(`^After step ${before} of \\d+: what is after it is being read$`),
    );
    expect(await kill.isDisabled()).toBe(true);
    gate.resolve();
    await page.getByText("None is armed.").waitFor();
    const { seq } = (await shared.request("GET", `/actors/session/${id}`)).body;
    await expect.poll(async () => step.innerText()).toBe(`After step ${seq}`);
    await kill.waitFor({ state: "detached" });
  });

  it("shows the mail that is under way: to whom it was sent, and from whom it comes", async () => {
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const stream = memoryBus({ stream: memoryStream({ now: Date.now }), now: Date.now });
    const bus: Bus = {
      ...stream,
      publish: async (publication) => {
        if (isHeld && publication.subject.startsWith("ao.msg.terminal.")) await gate.promise;
        return stream.publish(publication);
      },
    };
    const site = await siteIn(browser, { bus });
    await withProject(site);
    const id = await withSession(site);
    isHeld = true;
    await site.request("POST", `/sessions/${id}/kill`, {});
    const { page } = await site.open(`/actors/session/${id}`);
    const panel = page.locator(".tab-panel");
    await page.getByRole("tab", { name: "Waits" }).click();
    await panel.getByText("child.stop").waitFor();
    expect(await panel.innerText()).toContain(`child.stop to terminal/${id}`);
    await page.goto(`${site.url}/actors/terminal/${id}`);
    await page.getByRole("tab", { name: "Waits" }).click();
    await panel.getByText(`child.stop from session/${id}`).waitFor();
    gate.resolve();
    await panel.getByText("Nothing from another actor is under way to it.").waitFor();
  });

  it("says which guard refuses a message, why, and what it read", async () => {
    const { page } = await shared.open(`/actors/terminal/${await withSession(shared)}`);
    const refused = page
      .locator(".moves > li")
      .filter({ has: page.locator(".verdict", { hasText: /^no$/ }) })
      .filter({ hasText: "child.start [isNewer]" });
    await refused.locator("summary").click();
    await refused.getByText("the guard says no").waitFor();
    await refused.getByText("It read:").waitFor();
    expect(await refused.locator("dt").allInnerTexts()).toContain("epoch");
  });
});

describe("beside a chart that is rewound", () => {
  it("what is of the present says so, and no action is offered", async () => {
    const id = await withSession(shared);
    await shared.system.observe("scm", id, { fetched: true, prs: [pullFacts()] });
    await shared.request("POST", `/sessions/${id}/reviews/trigger`, {});
    const { page } = await shared.open(`/actors/review/${id}?at=1`);
    await page.getByText("As it was after step 1").waitFor();
    const panel = page.locator(".tab-panel");
    const words = panel.getByText("This is how it stands now, not as it was then.");
    await panel.getByText("a".repeat(9)).waitFor();
    expect(await words.count()).toBe(1);
    await page.getByRole("tab", { name: "Waits" }).click();
    await words.waitFor();
    expect(await page.locator(".actor-actions").count()).toBe(0);
    await page.getByRole("button", { name: "Back to now" }).click();
    await page.getByRole("button", { name: "Review …" }).waitFor();
    await words.waitFor({ state: "detached" });
    await page.goto(shared.url);
    const title = page.locator(`a.row[data-address="review/${id}"] .row-title`);
    await expect.poll(async () => title.innerText()).toBe(`Reviews of ${id}`);
  });
});

it("says of a step in the past that it cannot be read, and draws it once it can", async () => {
  const path = `/actors/session/${await withSession(shared)}?at=2`;
  const { page, complaints } = await shared.open(path);
  await page.getByText("As it was after step 2").waitFor();
  const refusal = { code: "STORE_CORRUPT", message: "read the journal: a row is broken" };
  await page.route(/\/frames\/1$/, async (route) => route.fulfill({ status: 500, json: refusal }));
  await page.getByRole("button", { name: "Step back" }).click();
  await page.getByText(`Step 1 cannot be read: ${refusal.message}`).waitFor();
  await page.unroute(/\/frames\/1$/);
  await page.getByText("As it was after step 1").waitFor();
  // Chromium itself notes each status.
  expect(complaints.splice(0).filter((line) => !line.includes("500"))).toEqual([]);
});

it("reads an actor anew after steps were missed, and follows it from there", async () => {
  const id = await withSession(shared);
  const { page } = await shared.open("/health");
  const reads: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith(`/api/v1/actors/session/${id}`)) reads.push(request.url());
  });
  const follows: string[] = [];
  await page.route(/\/events\?/, async (route) => {
    follows.push(route.request().url());
    const body = 'event: gap\ndata: {"after":1,"oldest":2}\n\n';
    if (follows.length > 1) await route.continue();
    else await route.fulfill({ contentType: "text/event-stream", body });
  });
  await page.goto(`${shared.url}/actors/session/${id}`);
  await expect.poll(() => follows.length).toBe(2);
  await page.locator(".link-state[data-state=live]").waitFor();
  await shared.system.observe("activity", id, { state: "active" });
  await page.locator('.state[data-path="activity.active"][data-active="true"]').waitFor();
  const { seq } = (await shared.request("GET", `/actors/session/${id}`)).body;
  await expect.poll(async () => page.locator(".side-step").innerText()).toBe(`After step ${seq}`);
  expect([reads.length, follows.length]).toEqual([2, 2]);
});

/** "9 min 58 s" */
function secondsOf(words: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3_600, d: 86_400 };
  return [...words.matchAll(/(\d+) (s|min|h|d)\b/g)].reduce(
    (sum, [, n = "0", unit = "s"]) => sum + Number(n) * (units[unit] ?? 0),
    0,
  );
}
