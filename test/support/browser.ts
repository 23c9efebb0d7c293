import { existsSync } from "node:fs";
import { execa } from "execa";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { tempFolder } from "./folder.ts";

/** Debian's; `bin/test` brings it. */
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Nothing of its own may go to the network: what is asked for is what the page asked for. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const VIEWPORT = { width: 1280, height: 800 };

/** Starts a browser; whoever does closes it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = CHROMIUM.find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error("these tests need Chromium; run: apt-get install -y chromium, or bin/test");
  }
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Makes the bundle of the pages when it is missing or stale, as bin/ao does. */
export async function bundled(): Promise<void> {
  const script = "root=$PWD; node=$1; . bin/prepare; has_bundle || (alone make_bundle); has_bundle";
  await execa("sh", ["-euc", script, "sh", process.execPath]);
}

/** A page and what it did that a page of ours must not do. */
export interface Watched {
  readonly page: Page;
  /** Errors and warnings of its console, and what it threw. */
  readonly complaints: string[];
  /** Addresses asked for that are not of the daemon. */
  readonly strangers: string[];
}

/** The daemon that the pages are of. */
interface Served {
  run(): { url: string };
  post(path: string, body?: object): Promise<Record<string, unknown>>;
}

/**
 * A page of its own context, at a path, in a browser that was signed in before; closed with the test, which fails when
 * it complained.
 */
export async function signedIn(
  browser: Browser,
  world: Served,
  { path = "/", ...options }: BrowserContextOptions & { readonly path?: string } = {},
): Promise<Watched> {
  const { url } = world.run();
  const storageState = await signedInState(world);
  const watched = await watchedPage(browser, url, { storageState, ...options });
  await watched.page.goto(`${url}${path}`);
  return watched;
}

/** What a browser keeps that was signed in. */
export async function signedInState(world: Served): Promise<StorageState> {
  const { code } = await world.post("/web/codes");
  const { token } = await world.post("/web/tokens", { code });
  const localStorage = [{ name: "ao.token", value: String(token) }];
  return { cookies: [], origins: [{ origin: world.run().url, localStorage }] };
}

type StorageState = Exclude<BrowserContextOptions["storageState"], string | undefined>;

/** A page of its own context that nobody signed in, at no address yet; closed with the test as `signedIn` says. */
export async function watchedPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: VIEWPORT, ...options });
  return pageOf(context, url, async () => context.close());
}

/** A page of a context; ended with the test, which fails when it complained. */
export async function pageOf(
  context: BrowserContext,
  url: string,
  end?: () => Promise<void>,
): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith("data:")) {
      strangers.push(request.url());
    }
  });
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") await keepPicture(page);
    await (end ?? (async () => page.close()))();
    expect({ complaints, strangers }).toEqual({ complaints: [], strangers: [] });
  });
  return { page, complaints, strangers };
}

async function keepPicture(page: Page): Promise<void> {
  await page.screenshot({ path: `${tempFolder()}/failed.png` }).catch(() => {});
}
