import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundled, signedIn, startBrowser } from "../support/browser.ts";
import { daemonWorld, type DaemonWorld } from "../support/daemon.ts";

let world: DaemonWorld;
let browser: Browser;

beforeAll(async () => {
  await bundled();
  world = daemonWorld();
  browser = await startBrowser();
  await world.up();
  await world.addProject();
}, 120_000);

afterAll(async () => {
  await browser.close();
  await world.end();
});

it("shows a session, and every change of it without being asked", async () => {
  const { page } = await signedIn(browser, world);
  await page.getByText("There is a project, and no work in it yet.").waitFor();
  const id = await world.addSession();
  const row = page.locator(`a.row[data-address="session/${id}"]`);
  await row.waitFor();
  await world.post(`/observations/activity/${id}`, { state: "waiting_input" });
  await row.getByText("needs input").waitFor();
  expect(await row.innerText()).toContain("awaiting user input");
});

it("takes the code out of the address at once, and keeps the owner's token out of the page", async () => {
  const { page } = await signedIn(browser, world);
  const { url, token } = world.run();
  expect(page.url()).toBe(`${url}/`);
  const kept = String(
    await page.evaluate("JSON.stringify({ ...localStorage, cookie: document.cookie })"),
  );
  expect(kept).toContain("aop1.");
  expect(kept + (await page.content())).not.toContain(token);
});
