/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faults } from "../support/axe.ts";
import { bundled, signedIn, startBrowser, watchedPage } from "../support/browser.ts";
import { daemonWorld, observe, type DaemonWorld } from "../support/daemon.ts";

const STEPS = 10_000;
const SCROLLS = 40;

let world: DaemonWorld;
let browser: Browser;
let id: string;

beforeAll(async () => {
  await bundled();
  // The same after a restart: a page goes on only where it came from.
  world = daemonWorld({ http: { port: await freePort() } });
  browser = await startBrowser();
  await world.up();
  await world.addProject();
  id = await world.addSession();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await world.end();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = Number(Reflect.get(server.address() ?? {}, "port"));
  server.close();
  await once(server, "close");
  return port;
}

/** What a frame takes of the page's thread while a list is scrolled; its own time, whatever else the machine does. */
async function scrolledMs(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN) * 1_000;
  };
  const before = await busy();
  await page.evaluate(`new Promise((resolve) => {
    const list = document.querySelector("[data-scrolls]");
    let left = ${SCROLLS};
    const step = () => {
      list.scrollTop += 150;
      left -= 1;
      if (left > 0) requestAnimationFrame(step);
      else resolve();
    };
    requestAnimationFrame(step);
  })`);
  return ((await busy()) - before) / SCROLLS;
}

async function tabTo(page: Page, text: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one key after the other
    await page.keyboard.press(key);
    // oxlint-disable-next-line no-await-in-loop -- one key after the other
    if (String(await page.evaluate("document.activeElement?.textContent")).includes(text)) return;
  }
  throw new Error(`no ${key} leads to ${text}`);
}

interface Journal {
  readonly entries: readonly { readonly message: { readonly type: string } }[];
}

describe("the board", () => {
  it("shows every change of a session without being asked", async () => {
    const { page } = await signedIn(browser, world);
    const row = page.locator(`a.row[data-address="session/${id}"]`);
    await row.waitFor();
    await world.post(`/observations/activity/${id}`, { state: "waiting_input" });
    await row.getByText("needs input").waitFor();
    expect(await row.innerText()).toContain("awaiting user input");
  });

  it("takes the code out of the address at once, and keeps the owner's token out of the page", async () => {
    const { url, token } = world.run();
    const { page } = await watchedPage(browser, url);
    const { code } = await world.post("/web/codes");
    await page.goto(`${url}/#code=${code}`);
    await page.locator(".link-state[data-state=live]").waitFor();
    expect(page.url()).toBe(`${url}/`);
    const kept = String(
      await page.evaluate("JSON.stringify({ ...localStorage, cookie: document.cookie })"),
    );
    expect(kept).toContain("aop1.");
    expect(kept + (await page.content())).not.toContain(token);
  });

  it("shows text of agents as text, whatever it holds", async () => {
    const title = `<img src=x onerror="document.title='owned'"> & <b>bold</b>`;
    const spawned: { id: string } = await world.post("/sessions", {
      projectId: "demo",
      prompt: "wait",
      title,
    });
    const { page } = await signedIn(browser, world);
    const row = page.locator(`a.row[data-address="session/${spawned.id}"]`);
    await row.waitFor();
    expect(await row.locator("strong").textContent()).toBe(title);
    expect(await page.title()).toBe("ao");
    await world.post(`/sessions/${spawned.id}/kill`, {});
  });

  it("narrows by search and by what asks for a person, and says so when nothing is left", async () => {
    const { page } = await signedIn(browser, world);
    await world.post(`/observations/activity/${id}`, { state: "waiting_input" });
    await page.getByLabel("Search").fill("nothing is called so");
    await page.getByText("Nothing is like that").waitFor();
    await page.getByText("Show everything").click();
    await page.getByRole("button", { name: /Needs you/ }).click();
    await page.locator(`a.row[data-address="session/${id}"]`).waitFor();
    expect(new URL(page.url()).search).toBe("?show=needs");
  });

  it("says that the daemon is gone, and heals by itself when it is back (M1)", async () => {
    const { page, complaints } = await signedIn(browser, world);
    await page.locator("a.row").first().waitFor();
    await world.kill();
    await page.getByText("Not live for").waitFor();
    await world.up();
    await page.locator(".link-state[data-state=live]").waitFor({ timeout: 20_000 });
    await world.post(`/observations/activity/${id}`, { state: "active" });
    await page.locator(`a.row[data-address="session/${id}"]`).getByText("working").waitFor();
    // Chromium itself notes each request that found nobody.
    const own = complaints.filter((line) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(line));
    expect(own).toEqual([]);
    complaints.length = 0;
  }, 60_000);
});

describe("an actor's page", () => {
  it("lights the states, runs along the arrow of a step, and tells what would move it", async () => {
    const { page } = await signedIn(browser, world, { path: `/actors/session/${id}` });
    const lit = page.locator('.state[data-active="true"][data-path="activity.blocked"]');
    await page.locator(".state").first().waitFor();
    await page.locator(".link-state[data-state=live]").waitFor();
    await world.post(`/observations/activity/${id}`, { state: "blocked" });
    await lit.waitFor();
    await page.locator('.arrow[data-look="taken"]').first().waitFor({ state: "attached" });
    await page.getByRole("tab", { name: "Next" }).click();
    await page.locator(".moves summary").first().click();
    await page.locator(".move-why").first().waitFor();
    expect(await page.locator(".verdict").count()).toBeGreaterThan(3);
  });

  it("rewinds to any step, and asks a copy what would have been", async () => {
    const { page } = await signedIn(browser, world, { path: `/actors/terminal/${id}?at=1` });
    await page.getByText("As it was after step 1").waitFor();
    await page.locator('.state[data-active="true"][data-path="launching"]').waitFor();
    await expect.poll(async () => page.locator(".arrow").count()).toBeGreaterThan(8);
    await page.keyboard.press("]");
    await page.locator('.state[data-active="true"][data-path="live.ready"]').waitFor();
    await page.getByRole("tab", { name: "What if" }).click();
    // What was said before is where one begins.
    await page.getByLabel("Message").selectOption("child.start");
    await expect
      .poll(async () => page.getByLabel("Data, as JSON").inputValue())
      .toMatch(/"epoch": 1/);
    await page.getByLabel("Message").selectOption("child.stop");
    await page.getByLabel("Data, as JSON").fill('{ "epoch": 1, "shutdownMs": 1 }');
    await page.getByRole("button", { name: "See what would happen" }).click();
    await page.getByLabel("What would happen").getByText("destroying").waitFor();
    const terminal: { value: unknown } = await world.get(`/actors/terminal/${id}`);
    const { entries }: Journal = await world.get(`/actors/terminal/${id}/journal`);
    const taken = entries.map(({ message }) => message.type);
    expect(taken).toContain("child.start");
    // Probes go on meanwhile; the copy alone was told to stop.
    expect([taken.includes("child.stop"), terminal.value]).toEqual([false, { live: "ready" }]);
  });

  it("goes over ten thousand steps, and keeps only those in the page that can be seen", async () => {
    const long = await world.addSession();
    const nc = await world.nats();
    const tell = async (n: number): Promise<void> =>
      observe(nc, `activity.${long}`, { state: n % 2 === 0 ? "active" : "idle" });
    for (let from = 0; from < STEPS; from += 500) {
      // oxlint-disable-next-line no-await-in-loop -- so many at once
      await Promise.all(Array.from({ length: 500 }, async (_, n) => tell(from + n)));
    }
    await expect
      .poll(async () => (await world.get(`/actors/session/${long}`)).seq, { timeout: 60_000 })
      .toBeGreaterThan(STEPS);
    const { page } = await signedIn(browser, world);
    const held = Promise.withResolvers<void>();
    await page.route(/\/timeline\?.*after=2000/, async (route) => {
      await held.promise;
      await route.continue();
    });
    await page.goto(`${world.run().url}/actors/session/${long}?at=5000`);
    await page.getByText("As it was after step 5000").waitFor();
    // The journal was not read that far: the step is gone to all the same (J1), and what is not there waits (J2).
    const jump = page.getByLabel("Jump to an event");
    await jump.fill("#9000");
    await jump.press("Enter");
    await page.getByText("As it was after step 9000").waitFor();
    await jump.fill("nothing is called so");
    await jump.press("Enter");
    await page.getByText("Reading the journal …").waitFor();
    held.resolve();
    await page.getByText("No event is called like").waitFor();
    await page.getByRole("tab", { name: "Journal" }).click();
    await page.locator(".tick").first().waitFor();
    expect(await page.locator(".tick").count()).toBeLessThan(120);
    // At 60 frames a second each may take 16 ms.
    expect(await scrolledMs(page)).toBeLessThan(12);
    await page.evaluate("document.querySelector('[data-scrolls]').scrollTo(0, 1e9)");
    await page.locator(".tick").filter({ hasText: "session.start" }).waitFor();
  }, 90_000);

  it("asks before it acts, and shows what is committed", async () => {
    await world.post(`/observations/activity/${id}`, { state: "idle" });
    const { page } = await signedIn(browser, world, { path: `/actors/session/${id}` });
    await page.getByRole("button", { name: "Send …" }).click();
    await page.getByRole("dialog").getByLabel("Text").fill("from the page");
    await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await expect.poll(() => world.typed(id)).toContain("from the page");
  });

  it("shows what is asked, and answers it", async () => {
    const wanted = { projectId: "demo", title: "Greet", prompt: "Greet.", command: ["cat"] };
    const { id: objective } = await world.post("/objectives", wanted);
    const asking = { question: "In <b>which</b> tone?", options: ["formal", "plain"] };
    const { questionId } = await world.post(`/objectives/${objective}/ask`, asking);
    const { page } = await signedIn(browser, world, { path: `/actors/question/${questionId}` });
    await page.getByRole("button", { name: "Answer …" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(asking.question).waitFor();
    await dialog.getByRole("button", { name: "plain" }).click();
    await dialog.getByRole("button", { name: "Answer" }).click();
    await page.locator('.state[data-active="true"][data-path="delivered"]').waitFor();
    const { context } = await world.get(`/actors/question/${questionId}`);
    expect(context.answer).toBe("plain");
    await world.post(`/objectives/${objective}/cancel`, {});
  });

  it("offers only what can be done with it as it stands", async () => {
    const doomed = await world.addSession();
    const { page } = await signedIn(browser, world, { path: `/actors/session/${doomed}` });
    const offered = page.locator(".actor-actions button");
    await expect.poll(async () => offered.allInnerTexts()).toEqual(["Send …", "Kill …"]);
    await world.post(`/sessions/${doomed}/kill`, {});
    await expect.poll(async () => offered.allInnerTexts()).toEqual(["Restore …"]);
  });
});

describe("a terminal in the page", () => {
  it("shows what is printed, types when told to, and ends with words when it is killed", async () => {
    const doomed = await world.addSession();
    const { page } = await signedIn(browser, world, { path: `/terminals?open=${doomed}` });
    await page.getByRole("button", { name: "Type", exact: true }).click();
    await page.keyboard.type("typed in the page\n");
    await expect.poll(() => world.typed(doomed)).toEqual(["typed in the page"]);
    await page.locator(".xterm-rows").getByText("typed in the page").first().waitFor();
    await world.post(`/sessions/${doomed}/kill`, {});
    await page.getByText("The terminal was closed").waitFor();
  });

  it("keeps what is typed before its socket is open, in order (U3)", async () => {
    const early = await world.addSession();
    const { page } = await signedIn(browser, world);
    const typed = Promise.withResolvers<void>();
    await page.routeWebSocket(/\/mux$/, async (socket) => {
      await typed.promise;
      socket.connectToServer();
    });
    await page.goto(`${world.run().url}/terminals?open=${early}`);
    await page.getByRole("button", { name: "Type", exact: true }).click();
    await page.keyboard.type("before the ");
    typed.resolve();
    await page.locator(".term").getByText("live", { exact: true }).waitFor();
    await page.keyboard.type("socket\n");
    await expect.poll(() => world.typed(early)).toEqual(["before the socket"]);
  });
});

const PATHS = (session: string): readonly string[] => [
  "/",
  `/actors/session/${session}`,
  `/actors/terminal/${session}?at=1`,
  `/causes/${encodeURIComponent(`terminal/${session}#1.0`)}`,
  `/terminals?open=${session}`,
  "/machines/terminal",
  "/supervision",
  "/health",
];

it("says in words that there is no such page, and leads back", async () => {
  const { page, complaints } = await signedIn(browser, world, { path: "/nowhere/%zz" });
  await page.getByText("Nothing is at /nowhere/%zz").waitFor();
  expect(await page.title()).toBe("%zz · nowhere · ao");
  expect(await faults(page)).toEqual([]);
  await page.getByRole("link", { name: "The board", exact: true }).click();
  await page.locator("a.row").first().waitFor();
  // Chromium itself notes the status of the page.
  expect(complaints.splice(0)).toEqual([expect.stringContaining("404")]);
});

describe("every page", () => {
  it("passes axe in light and dark: contrast, labels, roles", async () => {
    // Without it a colour is on its way while axe looks.
    const still = { colorScheme: "light", reducedMotion: "reduce" } as const;
    const { page } = await signedIn(browser, world, still);
    const wrong: string[] = [];
    for (const path of PATHS(id)) {
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      await page.goto(`${world.run().url}${path}`);
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      await settled(page);
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      wrong.push(...(await faults(page)).map((fault) => `${path} ${fault}`));
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it("fits a window of 360 pixels", async () => {
    const viewport = { width: 360, height: 740 };
    const { page } = await signedIn(browser, world, { viewport });
    const wide: string[] = [];
    for (const path of PATHS(id)) {
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      await page.goto(`${world.run().url}${path}`);
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      await settled(page);
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      const width = Number(await page.evaluate("document.documentElement.scrollWidth"));
      if (width > viewport.width) wide.push(`${path} is ${width} wide`);
      // oxlint-disable-next-line no-await-in-loop -- one page after the other
      for (const cover of await covered(page)) wide.push(`${path}: ${cover}`);
    }
    expect(wide).toEqual([]);
  }, 60_000);

  it("is reached and worked with the keyboard alone", async () => {
    const { page } = await signedIn(browser, world);
    await page.locator("a.row").first().waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("Go to the board").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    await page.keyboard.press("/");
    await page.keyboard.type(id);
    await page.keyboard.press("Escape");
    expect(await page.getByLabel("Search").inputValue()).toBe(id);
    await page.keyboard.press("j");
    await page.keyboard.press("/");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/actors/session/${id}`);
    await page.locator(".scrubber").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("As it was after step").waitFor();
    // It plays to the end and stops there; on a button a space presses that.
    await page.keyboard.press(" ");
    await page.getByText("As it was after step").waitFor({ state: "hidden" });
    const play = page.getByRole("button", { name: "Play" });
    expect(await play.getAttribute("aria-pressed")).toBe("false");
    await page.getByRole("button", { name: "Step back" }).focus();
    await page.keyboard.press(" ");
    await page.getByText("As it was after step").waitFor();
    expect(await play.getAttribute("aria-pressed")).toBe("false");
    await page.getByRole("tab", { name: "Journal" }).focus();
    await page.keyboard.press("l");
    await page.getByText("As it was after step").waitFor({ state: "hidden" });
    // The tabs stand behind the actions of the page.
    await tabTo(page, "Send …", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await page.getByRole("heading", { name: "Health" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/health");
  });
});

/** Controls of which another thing lies on the middle, and links of the masthead that stick out of it. */
async function covered(page: Page): Promise<string[]> {
  const found: unknown =
    await page.evaluate(`[...document.querySelectorAll(".pages a, .chart-detail, .past button")]
    .filter((control) => {
      const { left, top, width, height } = control.getBoundingClientRect();
      const there = document.elementFromPoint(left + width / 2, top + height / 2);
      return !control.contains(there) || left < 0 || left + width > innerWidth;
    })
    .map((control) => control.textContent + " cannot be reached")`);
  return Array.isArray(found) ? found.map(String) : [String(found)];
}

async function settled(page: Page): Promise<void> {
  if (page.url().includes("/terminals")) await page.locator(".term .xterm-rows").waitFor();
  await page.locator("main h1, main h2, .sign-in").first().waitFor({ state: "attached" });
  await expect
    .poll(async () => page.getByText(/^(Loading|Reading|Laying out|Looking back)/).count())
    .toBe(0);
}

describe("the bundle", () => {
  const folder = new URL("../../web/bundle/assets/", import.meta.url);
  const size = (name: string): number => gzipSync(readFileSync(new URL(name, folder))).length;

  it("is at most 600 kB, and what the first page needs at most 120 kB (gzip)", () => {
    const files = readdirSync(folder);
    const all = files.reduce((sum, name) => sum + size(name), 0);
    const shell = readFileSync(new URL("../index.html", folder), "utf8");
    const first = files
      .filter((name) => shell.includes(name))
      .reduce((sum, name) => sum + size(name), 0);
    expect(all).toBeLessThan(600_000);
    expect(first).toBeGreaterThan(10_000);
    expect(first).toBeLessThan(120_000);
  });

  it("has chart and terminal apart from the first page", () => {
    const shell = readFileSync(new URL("../index.html", folder), "utf8");
    const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
    const holding = (text: string): string[] =>
      scripts.filter((name) => readFileSync(new URL(name, folder), "utf8").includes(text));
    for (const mark of ["react-flow__", "xterm-helper"]) {
      const chunks = holding(mark);
      expect(chunks.length).toBeGreaterThan(0);
      expect(chunks.filter((name) => shell.includes(name))).toEqual([]);
    }
  });
});
