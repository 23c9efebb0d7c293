import type { Browser, BrowserContextOptions } from "playwright-core";
import { signedIn, type Watched } from "./browser.ts";
import { served, type Served } from "./http.ts";

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
  const url = await server.app.listen({ port: 0, host: "127.0.0.1" });
  const post = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await server.request("POST", path, body);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sign-in answers with an object
    return answer.body as Record<string, unknown>;
  };
  return {
    ...server,
    url,
    open: async (path, more = {}) =>
      signedIn(browser, { run: () => ({ url }), post }, { path, ...more }),
  };
}
