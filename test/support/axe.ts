import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

/** What axe finds wrong with a page that stands in the light, rule by rule, with the places; the light again afterwards. */
export async function faults(page: Page): Promise<string[]> {
  // Not as a script element: the policy of the pages forbids it, and that is right.
  await page.evaluate(`${axe.source};0`);
  const light = await faultsBy(page, "{}");
  await turnTo(page, "dark");
  // Colours are all that is other in the dark.
  const dark = await faultsBy(page, "{ runOnly: { type: 'rule', values: ['color-contrast'] } }");
  await turnTo(page, "light");
  return [...light, ...dark.map((fault) => `in the dark ${fault}`)];
}

/** Chromium works colours out anew only with its next frame. */
async function turnTo(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  const ground = async (): Promise<unknown> =>
    page.evaluate("getComputedStyle(document.body).backgroundColor");
  const before = await ground();
  await page.emulateMedia({ colorScheme });
  await expect.poll(ground).not.toBe(before);
  // The ground may be another before what stands on it: two frames later all is.
  await page.evaluate(
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
  );
}

async function faultsBy(page: Page, options: string): Promise<string[]> {
  const found: unknown = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'], ...${options} }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) => target + ' ' + failureSummary).join(' | ')))`,
  );
  return Array.isArray(found) ? found.map(String) : [`axe said ${String(found)}`];
}
