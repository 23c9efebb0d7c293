import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { KINDS } from "../machines/ids.ts";
import { describeKind, mermaid, xstateConfig } from "./chart.ts";
import type { App, Edge } from "./edge.ts";

const tags = ["machines"];

/** The statecharts that run. */
export function machineRoutes(app: App, edge: Edge): void {
  const Line = z.object({ kind: z.string(), description: z.string(), version: z.number() });
  app.get(
    "/machines",
    {
      schema: {
        tags,
        summary: "Every kind of actor",
        response: { 200: z.object({ machines: z.array(Line) }) },
      },
    },
    () => ({
      machines: [...edge.system.kinds.values()].map(({ name, description, version }) => ({
        kind: name,
        description,
        version,
      })),
    }),
  );

  app.get(
    "/machines/:kind",
    {
      schema: {
        tags,
        summary: "One statechart: as data, as a mermaid diagram, or as XState config",
        params: z.object({ kind: z.enum(KINDS) }),
        querystring: z.strictObject({
          format: z.enum(["json", "mermaid", "xstate"]).default("json"),
        }),
        response: { 200: z.unknown() },
      },
    },
    async ({ params, query: { format } }, reply) => {
      const kind = edge.system.kinds.get(params.kind);
      if (kind === undefined) {
        throw new Failure("KIND_UNKNOWN", `this daemon runs no actors of kind ${params.kind}`);
      }
      if (format === "json") return describeKind(kind);
      if (format === "xstate") return xstateConfig(kind);
      const plain = reply.header("content-type", "text/plain; charset=utf-8").serializer(String);
      return plain.send(mermaid(kind));
    },
  );
}
