import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { KINDS, type KindName } from "../machines/ids.ts";
import type { Kind } from "../machines/kind.ts";
import { chartLayout } from "./chart/layout.ts";
import { CHART_FORMATS, chartAs } from "./chart/formats.ts";
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
        summary: "One statechart: as data, as a mermaid diagram, as a picture, or as XState config",
        params: z.object({ kind: z.enum(KINDS) }),
        querystring: z.strictObject({
          format: z.enum(CHART_FORMATS).default("json"),
        }),
        response: { 200: z.unknown() },
      },
    },
    async ({ params, query: { format } }, reply) => {
      const chart = await chartAs(knownKind(edge, params.kind), format);
      if (typeof chart !== "string") return chart;
      const type = format === "svg" ? "image/svg+xml" : "text/plain";
      return reply.type(`${type}; charset=utf-8`).serializer(String).send(chart);
    },
  );

  layoutRoute(app, edge);
}

function layoutRoute(app: App, edge: Edge): void {
  app.get(
    "/machines/:kind/layout",
    {
      schema: {
        tags,
        summary:
          "Where every state and transition of a chart is drawn; `collapsed`: paths, comma-separated; `outline` leaves out labels and what would be a tangle",
        params: z.object({ kind: z.enum(KINDS) }),
        querystring: z.strictObject({
          collapsed: z.string().max(4_000).default(""),
          detail: z.enum(["full", "outline"]).default("full"),
        }),
        response: { 200: z.unknown() },
      },
    },
    async ({ params, query: { collapsed, detail } }) =>
      chartLayout(
        knownKind(edge, params.kind),
        new Set(collapsed.split(",").filter(Boolean)),
        detail,
      ),
  );
}

/** Fails with KIND_UNKNOWN. */
export function knownKind({ system }: Edge, name: KindName): Kind {
  const kind = system.kinds.get(name);
  if (kind !== undefined) return kind;
  throw new Failure("KIND_UNKNOWN", `this daemon runs no actors of kind ${name}`);
}
