import type { Browser, BrowserContextOptions } from "playwright-core";
import { pageOf, signedIn, signedInState, VIEWPORT, type Watched } from "./browser.ts";
import { served, withProject, type Served } from "./http.ts";

/** Pages over a system in memory; all of it ends with the test. */
export interface Site extends Served {
  readonly url: string;
  /** A page at a path, signed in, as `signedIn` says. */
  open(path: string, options?: BrowserContextOptions): Promise<Watched>;
}

/** The pages as a daemon serves them, without a daemon: what stands on them can be brought about at once. */
export async function siteIn(
  browser: Browser,
  options: Parameters<typeof served>[0] = {},
): Promise<Site> {
  const server = await served(options);
  const world = await listening(server);
  const { url } = world.run();
  return {
    ...server,
    url,
    open: async (path, more = {}) => signedIn(browser, world, { path, ...more }),
  };
}

/** One for all tests of a file, that share a project and what a browser keeps of pages; whoever makes it ends it. */
export interface SharedSite extends Served {
  readonly url: string;
  /** A page at a path, in one and the same context. */
  open(path: string): Promise<Watched>;
  end(): Promise<void>;
}

/** As `siteIn`, with the project `demo`. */
export async function sharedSite(browser: Browser): Promise<SharedSite> {
  const ends: (() => Promise<void>)[] = [];
  const server = await served({ endWith: (end) => ends.push(end) });
  const world = await listening(server);
  const { url } = world.run();
  await withProject(server);
  const storageState = await signedInState(world);
  const context = await browser.newContext({ viewport: VIEWPORT, storageState });
  return {
    ...server,
    url,
    async open(path) {
      const watched = await pageOf(context, url);
      await watched.page.goto(`${url}${path}`);
      return watched;
    },
    async end() {
      await context.close();
      // The server before what it serves.
      for (const end of ends.toReversed()) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await end();
      }
    },
  };
}

async function listening(server: Served): Promise<Parameters<typeof signedIn>[1]> {
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  const post = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await server.request("POST", path, body);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sign-in answers with an object
    return answer.body as Record<string, unknown>;
  };
  return { run: () => ({ url }), post };
}
