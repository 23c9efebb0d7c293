import type { Page } from "playwright-core";
import { expect } from "vitest";

const SCROLLS = 40;

/** What a frame takes of the page's thread while a list is scrolled; its own time, whatever else the machine does. */
export async function scrolledMs(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN) * 1_000;
  };
  const before = await busy();
  await page.evaluate(`new Promise((resolve) => {
    const list = document.querySelector("[data-scrolls]") ?? document.scrollingElement;
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

/** Presses a key until what has the focus says the text. */
export async function tabTo(page: Page, text: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one key after the other
    await page.keyboard.press(key);
    // oxlint-disable-next-line no-await-in-loop -- one key after the other
    if (String(await page.evaluate("document.activeElement?.textContent")).includes(text)) return;
  }
  throw new Error(`no ${key} leads to ${text}`);
}

/** Controls of which another thing lies on the middle, and links of the masthead that stick out of it. */
export async function covered(page: Page): Promise<string[]> {
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

/** Resolves once everything of the page was read. */
export async function settled(page: Page): Promise<void> {
  if (page.url().includes("/terminals")) await page.locator(".term .xterm-rows").waitFor();
  await page.locator("main h1, main h2, .sign-in").first().waitFor({ state: "attached" });
  await expect
    .poll(async () => page.getByText(/^(Loading|Reading|Laying out|Looking back)/).count())
    .toBe(0);
}
