import { z } from "zod";
import type { App, Edge } from "./edge.ts";

/** A copy of the store while the daemon runs. */
export function backupRoute(app: App, edge: Edge): void {
  const Folder = z.strictObject({ folder: z.string().min(1).max(4_096) });
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
