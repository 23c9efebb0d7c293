import { z } from "zod";

const ms = z.number().int().positive();

function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never);
}

/**
 * `config.json`: every interval and limit, with its default. Durations are milliseconds.
 * Unknown keys are refused. Nothing in the code may depend on a default.
 */
export const Settings = z.strictObject({
  http: section({
    port: z.number().int().min(0).max(65_535).default(4500),
    host: z.string().default("127.0.0.1"),
  }),
  nats: section({ url: z.string().optional() }),
  supervisor: section({
    tickMs: ms.default(15_000),
    idleAfterMs: ms.default(90_000),
    cooldownMs: ms.default(90_000),
    maxManagers: z.number().int().positive().default(4),
  }),
  probes: section({ terminalMs: ms.default(5_000), scmMs: ms.default(30_000) }),
  detecting: section({
    maxAttempts: z.number().int().positive().default(3),
    maxMs: ms.default(300_000),
  }),
  activity: section({ recentMs: ms.default(60_000) }),
  gc: section({ everyMs: ms.default(300_000) }),
  reviews: section({
    leaseMs: ms.default(1_800_000),
    maxAttempts: z.number().int().positive().default(3),
  }),
  delivery: section({ confirmMs: ms.default(6_000) }),
  shutdown: section({ graceMs: ms.default(3_000) }),
  effects: section({
    /** Lanes that may work at the same time. */
    lanes: z.number().int().positive().default(16),
    retryMs: ms.default(500),
    retryMaxMs: ms.default(30_000),
  }),
  mail: section({ republishMs: ms.default(10_000) }),
  limits: section({
    bodyBytes: z.number().int().positive().default(1_048_576),
    /** Messages of one batch, so of one transaction. */
    batch: z.number().int().positive().default(512),
    /** Actors kept live; the others are read from the store when a message comes. */
    liveActors: z.number().int().positive().default(2_000),
    /** Open orders of one actor; past it commands to it are refused. */
    outbox: z.number().int().positive().default(1_000),
    /** Callers waiting for answers. */
    callers: z.number().int().positive().default(1_024),
  }),
  journal: section({ keepDays: z.number().positive().default(30) }),
});
export type Settings = z.infer<typeof Settings>;
