/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { createServer } from "node:net";
import { once } from "node:events";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { faults } from "../support/axe.ts";
import { bundled, signedIn, startBrowser, watchedPage } from "../support/browser.ts";
import { covered, scrolledMs, settled, tabTo } from "../support/page.ts";
import { daemonWorld, observe, type DaemonWorld } from "../support/daemon.ts";

const STEPS = 10_000;
const ROWS = 1_000;

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
    await page.goto(url);
    await page.locator(".sign-in").waitFor();
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

  it("keeps a thousand rows light: only those that can be seen are in the page", async () => {
    const { page } = await signedIn(browser, world, { path: "/health" });
    await page.route(/\/board\?/, async (route) => {
      const answer = await route.fetch();
      const board: { lines: { kind: string; address: string }[] } = await answer.json();
      const [line] = board.lines.filter(({ kind }) => kind === "session");
      const more = Array.from({ length: ROWS }, (_, n) => ({ ...line, address: `session/x-${n}` }));
      await route.fulfill({ json: { ...board, lines: [...board.lines, ...more] } });
    });
    await page.goto(`${world.run().url}/`);
    await page.getByRole("button", { name: /^All 1,?\d{3}/ }).waitFor();
    await page.locator("a.row").first().waitFor();
    expect(await page.locator("a.row").count()).toBeLessThan(120);
    // At 60 frames a second each may take 16 ms.
    expect(await scrolledMs(page)).toBeLessThan(12);
    await page.evaluate("scrollTo(0, 1e9)");
    await page.locator(`a.row[data-address="session/x-${ROWS - 1}"]`).waitFor();
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

  it("stands beside others, each with what was printed before somebody looked", async () => {
    const [one, two] = [await world.addSession(), await world.addSession()];
    const early = Array.from({ length: 70 }, (_, n) => `line ${n} of`);
    for (const each of [one, two]) {
      const lines = early.flatMap((line) => [`${line} ${each}`, "Enter"]);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await world.tmux("send-keys", "-t", `=${each}:`, ...lines);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await expect.poll(() => world.typed(each)).toHaveLength(early.length);
    }
    const { page } = await signedIn(browser, world, { path: `/terminals?open=${one},${two}` });
    for (const each of [one, two]) {
      const term = page.getByRole("region", { name: `Terminal ${each}` });
      const shown = async (): Promise<string> => term.locator(".xterm-rows").innerText();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await expect.poll(shown).toContain(`line 69 of ${each}`);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await term.locator(".term-place").hover({ position: { x: 60, y: 60 } });
      const scrolled = async (): Promise<string> => {
        await page.mouse.wheel(0, -1_000);
        return shown();
      };
      // oxlint-disable-next-line no-await-in-loop -- as above
      await expect.poll(scrolled).toContain(`line 0 of ${each}`);
    }
    // Let go of one, and the other goes on.
    await page.getByRole("button", { name: `Close ${one}` }).click();
    await page.getByRole("region", { name: `Terminal ${one}` }).waitFor({ state: "detached" });
    await world.tmux("send-keys", "-t", `=${two}:`, "and on", "Enter");
    const latest = async (): Promise<string> => {
      await page.mouse.wheel(0, 1_000);
      return page.locator(".xterm-rows").innerText();
    };
    await expect.poll(latest).toContain("and on");
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
  "/pulls",
  `/actors/session/${session}`,
  `/actors/terminal/${session}?at=1`,
  `/causes/${encodeURIComponent(`terminal/${session}#1.0`)}`,
  `/terminals?open=${session}`,
  "/machines/terminal",
  "/supervision",
  "/health",
];

describe("a machine's page", () => {
  it("draws how they usually go, and lists who is in a state when that is clicked", async () => {
    const { page } = await signedIn(browser, world, { path: "/machines/session" });
    await page.locator('.arrow[data-id="lifecycle.working>lifecycle.idle"]').waitFor();
    await page.locator('.state[data-path="wanted.running"] .state-badge').waitFor();
    await page.locator('.state[data-path="wanted.running"]').click();
    await page.getByRole("heading", { name: "In wanted.running" }).waitFor();
    await page.locator(`.members a.row[data-address="session/${id}"]`).waitFor();
    const arrows = page.locator(".arrow");
    const usual = await arrows.count();
    await page.getByRole("button", { name: "All arrows" }).click();
    await expect.poll(async () => arrows.count()).toBeGreaterThan(usual + 20);
  });
});

describe("the health", () => {
  it("asks before a dead letter is tried again, and says what came of it", async () => {
    const nc = await world.nats();
    await observe(nc, "activity.nobody", { state: "idle" });
    await expect.poll(async () => (await world.get("/dead-letters")).letters.length).toBe(1);
    const { page, complaints } = await signedIn(browser, world, { path: "/health" });
    await page
      .getByRole("row", { name: /activity\.nobody/ })
      .getByRole("button")
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Retry" }).click();
    await dialog.getByRole("alert").getByText("session/nobody").waitFor();
    // Chromium itself notes that it was refused.
    await expect.poll(() => complaints.splice(0)).toEqual([expect.stringContaining("404")]);
    const { isBalanced }: { isBalanced: boolean } = await world.get("/intake");
    expect(isBalanced).toBe(true);
  });
});

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
