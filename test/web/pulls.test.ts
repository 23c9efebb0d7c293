import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { faults } from "../support/axe.ts";
import { bundled, startBrowser } from "../support/browser.ts";
import { withProject, withSession } from "../support/http.ts";
import { covered } from "../support/page.ts";
import { pullFacts } from "../support/pulls.ts";
import { siteIn, type Site } from "../support/site.ts";

let browser: Browser;

beforeAll(async () => {
  await bundled();
  browser = await startBrowser();
}, 120_000);

afterAll(async () => browser.close());

/** A stack of two, one that fails and one that is told of another session. */
async function withPulls(site: Site): Promise<readonly [string, string]> {
  await withProject(site);
  const [one, two] = [await withSession(site), await withSession(site)];
  const [url1, url2, url3] = [
    "https://forge.test/11",
    "https://forge.test/12",
    "https://forge.test/13",
  ];
  const approved = { reviewDecision: "approved", ci: { state: "passing" } } as const;
  const lower = pullFacts({ ...approved, number: 11, url: url1, headRef: "a", title: "Lower" });
  const upper = pullFacts({ ...lower, number: 12, url: url2, headRef: "b", baseRef: "a" });
  const bad = { state: "failing" as const, failing: [{ name: "lint" }] };
  const failing = pullFacts({ number: 13, url: url3, ci: bad, title: "Wide <b>change</b>" });
  await site.system.observe("scm", one, { fetched: true, prs: [lower, upper] });
  await site.system.observe("scm", two, { fetched: true, prs: [failing] });
  return [one, two];
}

it("lists the open pull requests of all sessions, what is in the way of each, by keyboard alone", async () => {
  const site = await siteIn(browser);
  const [one, two] = await withPulls(site);
  const still = { colorScheme: "light", reducedMotion: "reduce" } as const;
  const { page } = await site.open("/", still);
  await page.locator("a.row").first().waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  const rows = page.locator("a.pull-row");
  await expect.poll(async () => rows.count()).toBe(3);
  expect(await page.locator("h2.section").allInnerTexts()).toEqual([
    "Can be merged · 1",
    "Something is in the way · 1",
    "On the way · 1",
  ]);
  const told = (await rows.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " "));
  expect(told).toEqual([
    expect.stringMatching(`mergeable #11 Lower demo approved .*approved.* a ${one} `),
    expect.stringMatching(`ci failed #13 Wide <b>change</b> demo lint .*failing.* topic ${two} `),
    expect.stringMatching(`stacked #12 Lower demo #11 comes first .* on #11 b ${one} `),
  ]);
  expect(await faults(page)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  expect(await covered(page)).toEqual([]);
  await page.keyboard.press("/");
  await page.keyboard.type("lint");
  await expect.poll(async () => rows.count()).toBe(1);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect.poll(() => new URL(page.url()).pathname).toBe(`/actors/session/${two}`);
});

it("says that no pull request is open, and shows one once it is", async () => {
  const site = await siteIn(browser);
  const { page, complaints } = await site.open("/pulls");
  await page.getByRole("heading", { name: "No pull request is open" }).waitFor();
  await withPulls(site);
  const rows = page.locator("a.pull-row");
  await expect.poll(async () => rows.count()).toBe(3);
  await page.route(/\/pulls$/, async (route) => route.abort());
  await page.getByText("What you see is how it was.").waitFor();
  expect(await rows.count()).toBe(3);
  // Chromium itself notes what found nobody.
  expect(complaints.splice(0).filter((line) => !line.includes("ERR_FAILED"))).toEqual([]);
  await page.unroute(/\/pulls$/);
});
