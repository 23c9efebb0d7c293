import type { ActorSystem } from "../actors/actor-system.ts";
import type { App } from "../http/edge.ts";
import { httpServer } from "../http/server.ts";

/** The owner's, of what `pagesOver` serves. */
export const TOKEN = "bench";

/** Board, charts and API over a system in this process, on a free port; the caller closes it. */
export async function pagesOver(
  system: ActorSystem,
): Promise<{ readonly app: App; readonly url: string }> {
  const app = await httpServer({
    system,
    token: TOKEN,
    version: "bench",
    health: () => ({ isReady: true, parts: [] }),
    inspectRepository: async (root) => Promise.resolve({ root, defaultBranch: "main" }),
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { app, url };
}
