import { isAbsolute } from "node:path";
import { z } from "zod";
import { argument } from "../machines/argument.ts";
import type { App, Edge } from "./edge.ts";

/** A copy of the store while the daemon runs. */
export function backupRoute(app: App, edge: Edge): void {
  // Nobody who asks knows in which folder the daemon was started.
  const Folder = z.strictObject({
    folder: argument(4_096).refine(isAbsolute, "the path must begin at the root"),
  });
  app.post(
    "/backup",
    {
      schema: {
        tags: ["store"],
        summary: "Copy the store into an empty folder of the daemon's machine",
        body: Folder,
        response: { 201: Folder },
      },
    },
    async (request, reply) => {
      await edge.system.store.backup(request.body.folder);
      return reply.code(201).send(request.body);
    },
  );
}
