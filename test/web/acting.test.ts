/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return -- looks into bodies of every shape */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { bundled, startBrowser } from "../support/browser.ts";
import { withProject, withSession } from "../support/http.ts";
import { outside } from "../support/outside.ts";
import { pullFacts } from "../support/pulls.ts";
import { siteIn, type Site } from "../support/site.ts";

let browser: Browser;

beforeAll(async () => {
  await bundled();
  browser = await startBrowser();
}, 120_000);

afterAll(async () => browser.close());

/** Presses a button, and its like in the dialog that asks; what it asks for is held back until the answer is called. */
async function heldBack(page: Page, name: string, path: RegExp): Promise<() => void> {
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await page.route(path, async (route) => {
    asked.resolve();
    await gate.promise;
    await route.continue();
  });
  await page.getByRole("button", { name: `${name} …` }).click();
  await page.getByRole("dialog").getByRole("button", { name }).click();
  await asked.promise;
  return gate.resolve;
}

async function statesOf(page: Page): Promise<string> {
  return page.locator(".states").innerText();
}

describe("an action", () => {
  it("triggers a review, and nothing is shown of it before it is committed", async () => {
    const world = outside();
    world.hold("prepareReview");
    const site = await siteIn(browser, { outside: world });
    await withProject(site);
    const id = await withSession(site);
    await site.system.observe("scm", id, { fetched: true, prs: [pullFacts()] });
    const { page } = await site.open(`/actors/session/${id}`);
    await page.getByRole("tab", { name: "Reviews" }).click();
    const commit = await heldBack(page, "Review", /reviews\/trigger$/);
    await page.getByRole("dialog").getByText("Asking …").waitFor();
    expect((await site.request("GET", `/actors/review/${id}`)).status).toBe(404);
    await page.getByText("Nothing was reviewed yet.").waitFor();
    commit();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.goto(`${site.url}/actors/review/${id}`);
    await expect.poll(async () => statesOf(page)).toContain("run.launching");
  });

  it("restores a session, and nothing is shown of it before it is committed", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    const id = await withSession(site);
    await site.request("POST", `/sessions/${id}/kill`, {});
    const { page } = await site.open(`/actors/session/${id}`);
    await expect.poll(async () => statesOf(page)).toContain("wanted.stopped.closed");
    const commit = await heldBack(page, "Restore", /\/restore$/);
    await page.getByRole("dialog").getByText("Asking …").waitFor();
    expect(await statesOf(page)).toContain("lifecycle.terminated");
    commit();
    await expect.poll(async () => statesOf(page)).toContain("wanted.running");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect((await site.request("GET", `/sessions/${id}/terminal`)).body.epoch).toBe(2);
  });

  it("retries a dead letter once what it lacked is there, and the letter has an end", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    await site.system.observe("activity", "demo-1", { state: "waiting_input" });
    await expect
      .poll(async () => (await site.request("GET", "/dead-letters")).body.letters.length)
      .toBe(1);
    expect(await withSession(site)).toBe("demo-1");
    const { page } = await site.open("/health");
    await page
      .getByRole("row", { name: /activity\.demo-1/ })
      .getByRole("button")
      .click();
    await page.getByRole("dialog").getByText("is published again on").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.getByText("retried 1 time").waitFor();
    const { body } = await site.request("GET", "/sessions/demo-1");
    expect(body.activity.state).toBe("waiting_input");
  });
});

describe("the supervision", () => {
  it("shows who keeps whom up, in which epoch, and what of its budget was used and why", async () => {
    const core = {
      name: "core",
      phase: "running",
      strategy: "rest_for_one",
      intensity: 8,
      periodMs: 60_000,
      restarts: { infra: 2 },
      dueAt: null,
      parts: [{ id: "bus", epoch: 3, state: "running", lastCause: "infra" }],
    } as const;
    const world = outside();
    const site = await siteIn(browser, { outside: world, trees: () => [core] });
    const worker = { harness: "command", command: ["true"], restart: "transient", backoffMs: 1 };
    await site.request("POST", "/projects", {
      id: "demo",
      path: "/repositories/demo",
      scm: "none",
      config: { worker },
    });
    const id = await withSession(site);
    world.end(id);
    await site.system.observe("terminal", id, { process: "dead", epoch: 1, exitCode: 7 });
    await expect
      .poll(async () => (await site.request("GET", `/sessions/${id}/terminal`)).body)
      .toMatchObject({ state: "live", epoch: 2 });
    const { page } = await site.open("/supervision");
    const own = page.locator(".card").filter({ has: page.getByRole("heading", { name: "core" }) });
    await own.getByText("2 of 8 restarts for infra").waitFor();
    expect(await own.locator('.budget i[data-used="true"]').count()).toBe(2);
    expect(await cellsOf(own.getByRole("row").nth(1))).toEqual(["bus", "running", "3", "infra"]);
    const card = page
      .locator(".card")
      .filter({ has: page.getByRole("link", { name: `session/${id}` }) });
    await card.getByText(/^1 of 3 restarts for /).waitFor();
    const [child, state, epoch, cause] = await cellsOf(
      card.getByRole("row", { name: /^terminal/ }),
    );
    expect([child, state, epoch]).toEqual(["terminal", "running", "2"]);
    expect(cause).not.toBe("–");
    await card.getByRole("link", { name: "terminal" }).click();
    await page.waitForURL(`**/actors/terminal/${id}`);
  });

  it("shows the pokes of an objective, each with what came of it", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    await withSession(site);
    const { page } = await site.open("/health");
    const poke = { at: Date.now(), after: "turn", state: "delivered" };
    const pokes = [
      { ...poke, n: 1, outcome: "none" },
      { ...poke, n: 2, after: "silence", outcome: "progress" },
      { ...poke, n: 3, outcome: "open" },
    ];
    await page.route(/\/supervision\?/, async (route) => {
      const answer = await (await route.fetch()).json();
      const [first] = answer.actors;
      await route.fulfill({ json: { ...answer, actors: [{ ...first, pokes }] } });
    });
    await page.goto(`${site.url}/supervision`);
    const said = page.locator(".card li").filter({ hasText: "delivered" });
    await expect.poll(async () => said.count()).toBe(3);
    const words = await said.allInnerTexts();
    expect(words.map((text) => text.replace(/^[\d:.]+ /, ""))).toEqual([
      "after the end of a turn: delivered, open",
      "after silence: delivered, and it went on",
      "after the end of a turn: delivered, and nothing came of it",
    ]);
  });
});

async function cellsOf(row: ReturnType<Page["locator"]>): Promise<string[]> {
  const texts = await row.getByRole("cell").allInnerTexts();
  return texts.map((text) => text.replace(/^\W\s*/, "").trim() || text);
}

describe("the health", () => {
  it("tells the parts, the books, open lanes, NATS and the store as the daemon does", async () => {
    const world = outside();
    world.hold("destroyTerminal");
    const parts = [{ name: "probes", state: "stopped", reason: "tmux is gone" }];
    const site = await siteIn(browser, {
      outside: world,
      health: () => ({ isReady: false, parts }),
    });
    await withProject(site);
    const id = await withSession(site);
    await site.request("POST", `/sessions/${id}/kill`, {});
    await site.system.observe("activity", "nobody", { state: "idle" });
    const { page } = await site.open("/health");
    const card = (name: string): ReturnType<Page["locator"]> =>
      page
        .locator(".card")
        .filter({ has: page.getByRole("heading", { name: new RegExp(`^${name}`) }) });
    await card("Parts").getByText("tmux is gone").waitFor();
    await card("Parts").getByText("not ready").waitFor();
    expect(await card("Parts").innerText()).toMatch(/NATS\s+up/);
    await card("Lanes")
      .getByText(/ 1 open since /)
      .waitFor();
    await card("Dead letters").getByText("activity.nobody").waitFor();
    const { body: books } = await site.request("GET", "/intake");
    expect(books.dead).toBe(1);
    await expect
      .poll(async () => (await card("Books").innerText()).replaceAll(/\s+/g, " "))
      .toContain(`received ${books.received} came in applied ${books.applied}`);
    expect(await card("Books").innerText()).toMatch(/lag\s+0 wait in the stream/);
    await card("Books").getByText("balanced").waitFor();
    const { body: load } = await site.request("GET", "/load");
    expect(await card("Store").innerText()).toMatch(new RegExp(`actors\\s+${load.rows.snapshots}`));
  });
});

const Graph = z.object({
  nodes: z.array(z.record(z.string(), z.json())),
  edges: z.array(z.json()),
});

describe("two versions of a chart", () => {
  it("are drawn in one, with what is new and what is gone", async () => {
    const site = await siteIn(browser);
    const { body: versions } = await site.request("GET", "/machines/terminal/versions");
    const older = versions.current - 1;
    const notes = site.system.store;
    const { nodes, edges } = Graph.parse(notes.note(`chart:terminal:${versions.current}`));
    const [first] = nodes;
    const gone = { ...first, id: "gone", parent: "", type: "atomic", name: "gone" };
    const graph = { nodes: [...nodes.filter((node) => node["id"] !== "exited"), gone], edges };
    await site.system.store.putNote(`chart:terminal:${older}`, graph);
    const { page } = await site.open("/machines/terminal");
    await page.getByLabel("Compare with").selectOption(`version ${older}`);
    await page.locator('.state[data-path="gone"][data-mark="gone"]').waitFor();
    await page.locator('.state[data-path="exited"][data-mark="new"]').waitFor();
    expect(await page.locator('.state[data-path="absent"][data-mark]').count()).toBe(0);
    const said = await page.locator(".differences li").allInnerTexts();
    expect(said.map((text) => text.replaceAll(/\s+/g, " "))).toEqual(
      expect.arrayContaining(["× gone gone", "✓ new exited"]),
    );
  });
});

describe("a chain of causes", () => {
  it("is told as a story, and drawn as a sequence between those who took part", async () => {
    const site = await siteIn(browser);
    await withProject(site);
    const id = await withSession(site);
    const { page } = await site.open(`/causes/${encodeURIComponent(`terminal/${id}#1.0`)}`);
    const story = page.locator(".story > li");
    await story.first().waitFor();
    const told = await story.locator(".sentence strong").allInnerTexts();
    expect(told.at(0)).toBe("project.spawn");
    expect(told.at(-1)).toBe("launchTerminal");
    const drawn = page.locator(".sequence svg");
    expect(await drawn.locator("g[data-type] .seq-name").allTextContents()).toEqual(told);
    const lives = await drawn.locator("g > title").allTextContents();
    expect(lives).toEqual(
      ["project/demo", `session/${id}`, `workspace/${id}`, `terminal/${id}`].filter((life) =>
        lives.includes(life),
      ),
    );
    expect(lives).toContain(`terminal/${id}`);
    await story.last().getByRole("link").click();
    await page.waitForURL(`**/actors/terminal/${id}**`);
  });

  it("is drawn in eight columns without being scrolled", async () => {
    const site = await siteIn(browser);
    const { page } = await site.open("/health");
    const causes = ["", "forge", "session", "objective", "terminal", "workspace", "review"].map(
      (kind, n) => ({
        id: `c${n}`,
        type: n === 0 ? "command" : "mail",
        name: "pull.merge",
        at: n,
        address: kind === "" ? "project/demo" : `${kind}/demo-o1-w1`,
        seq: n + 1,
        data: {},
      }),
    );
    await page.route(/\/causes\/c6$/, async (route) =>
      route.request().isNavigationRequest()
        ? route.continue()
        : route.fulfill({ json: { causes } }),
    );
    await page.goto(`${site.url}/causes/c6`);
    const drawn = page.locator(".sequence");
    await drawn.locator(".life").nth(7).waitFor({ state: "attached" });
    const wide: unknown = await page.evaluate(`(() => {
      const { scrollWidth, clientWidth } = document.querySelector(".sequence");
      return scrollWidth - clientWidth;
    })()`);
    expect(wide).toBe(0);
  });
});

const EVIL = `<img src=x onerror=document.title='owned'><script>document.title='owned'</script>`;

/** Whether what an agent wrote came to life. */
async function isOwned(page: Page): Promise<boolean> {
  return Boolean(
    await page.evaluate(
      "document.title === 'owned' || document.querySelector('img[src=x]') !== null",
    ),
  );
}

describe("what agents write", () => {
  it("stays text on every page that shows it", async () => {
    const site = await siteIn(browser);
    await withEvil(site);
    const { page } = await site.open("/");
    await page.locator("a.row", { hasText: "<img" }).first().waitFor();
    expect(await isOwned(page)).toBe(false);
    for (const [path, tab] of PLACES) {
      // oxlint-disable-next-line no-await-in-loop -- one place after the other
      await page.goto(site.url + path);
      // oxlint-disable-next-line no-await-in-loop -- as above
      if (tab !== undefined) await page.getByRole("tab", { name: tab }).click();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await expect.poll(async () => page.locator("main").textContent()).toContain(EVIL);
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect([path, await isOwned(page)]).toEqual([path, false]);
    }
    const drawn = await site.request("GET", "/actors/session/demo-1/svg");
    expect(drawn.body).toMatch(/^<svg /);
    expect(drawn.body).not.toMatch(/<(img|script)/);
  });
});

/** Where it is shown: in a head, in a message, in a context, in what a reviewer said, in a dead letter. */
const PLACES: readonly (readonly [string, string?])[] = [
  ["/actors/session/demo-1"],
  ["/actors/session/demo-1?at=1", "Step"],
  ["/actors/session/demo-1", "Context"],
  ["/actors/review/demo-1", "Reviews"],
  ["/health"],
];

/** Titles, branches, comments, messages, last words and errors that are markup. */
async function withEvil(site: Site): Promise<void> {
  await withProject(site);
  await site.request("POST", "/sessions", { projectId: "demo", prompt: EVIL, title: EVIL });
  await withSession(site);
  const comment = { id: "1", author: EVIL, isBot: false, body: EVIL, path: EVIL, resolved: false };
  const pull = pullFacts({ title: EVIL, headRef: EVIL, comments: [comment] });
  await site.system.observe("scm", "demo-1", { fetched: true, prs: [pull] });
  await site.request("POST", "/sessions/demo-1/reviews/trigger", {});
  await expect
    .poll(async () => (await site.request("GET", "/actors/review/demo-1")).body.value.run)
    .toBe("running");
  const run = { runId: "demo-1-r1", verdict: "approved", body: EVIL, providerReviewId: "" };
  const claim = { terminal: "review-demo-1", epoch: 1 };
  const submitted = { reviews: [run], claim };
  await site.system.ask({ to: "review/demo-1", type: "review.submit", data: submitted });
  await site.system.observe("activity", "nobody", { state: EVIL });
  await site.request("POST", "/sessions/demo-1/report", { summary: EVIL });
}
