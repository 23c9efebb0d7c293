import { Gauge, Histogram, Registry } from "prom-client";
import { z } from "zod";
import type { App, Edge } from "./edge.ts";

const tags = ["health"];
/** One part of the daemon, and why it cannot work. */
export const Part = z.object({
  name: z.string(),
  state: z.string(),
  reason: z.string().optional(),
});
const Ready = z.object({ isReady: z.boolean(), version: z.string(), parts: z.array(Part) });

/** Liveness, readiness and metrics. */
export function healthRoutes(app: App, edge: Edge, metrics: Registry): void {
  const ready = (): z.infer<typeof Ready> => {
    const { isReady, parts } = edge.health();
    return { isReady, version: edge.version, parts: [...parts] };
  };
  app.get(
    "/healthz",
    {
      schema: {
        tags,
        summary: "Whether the process answers",
        response: { 200: z.object({ isAlive: z.literal(true), version: z.string() }) },
      },
    },
    () => ({ isAlive: true as const, version: edge.version }),
  );

  app.get(
    "/readyz",
    {
      schema: {
        tags,
        summary: "Whether every part works, part by part",
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const state = ready();
      if (!state.isReady) void reply.code(503).header("retry-after", "1");
      return reply.send(state);
    },
  );

  app.get(
    "/metrics",
    { schema: { tags, summary: "Prometheus text", response: { 200: z.string() } } },
    async (_request, reply) => {
      const text = await metrics.metrics();
      return reply.header("content-type", metrics.contentType).serializer(String).send(text);
    },
  );
}

/** What `GET /metrics` tells; the time to answer is taken on every route of `app`. */
export function metricsOf(app: App, edge: Edge): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  for (const book of ["received", "applied", "duplicate", "stale", "dead"] as const) {
    gauge(
      `ao_intake_${book}`,
      `Messages ${book} since the store was made`,
      () => edge.system.report()[book],
    );
  }
  gauge("ao_intake_lag", "Messages in the stream not taken yet", () => edge.system.report().lag);
  gauge(
    "ao_outbox",
    "Orders that have not had their effect yet",
    () => edge.system.report().outbox,
  );
  gauge("ao_live_actors", "Actors in memory", () => edge.system.liveActors);
  gauge("ao_timers", "Armed timers", () => edge.system.report().timers);
  gauge("ao_ready", "1 when every part works", () => Number(edge.health().isReady));
  gauge("ao_resident_bytes", "Resident memory", () => process.memoryUsage.rss());
  actorGauge(edge, registry);
  requestHistogram(app, registry);
  return registry;
}

function actorGauge(edge: Edge, registry: Registry): void {
  const labelNames = ["kind", "state"] as const;
  const actors = new Gauge({
    name: "ao_actors",
    help: "Actors of a kind in a state",
    labelNames,
    registers: [registry],
    collect() {
      actors.reset();
      for (const { kind, state, count } of edge.views.counts()) actors.set({ kind, state }, count);
    },
  });
}

function requestHistogram(app: App, registry: Registry): void {
  const seconds = new Histogram({
    name: "ao_http_request_seconds",
    help: "Time to answer, by route",
    labelNames: ["method", "route", "status"] as const,
    buckets: [0.001, 0.002, 0.004, 0.008, 0.016, 0.064, 0.25, 1, 4],
    registers: [registry],
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, routeOptions } = request;
    const route = routeOptions.url ?? "unknown";
    seconds.observe({ method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
}
