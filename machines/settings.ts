import { z } from "zod";
import { NOTICE_TYPES, PRIORITIES } from "./notices.ts";

const ms = z.number().int().positive();

const SAFE_ADDRESS = "expected an https address, or an http one of this machine";

/** What is told to people goes over the network only where nobody can listen. */
function isSafeAddress(text: string): boolean {
  const { protocol, hostname } = URL.parse(text) ?? {};
  if (protocol === "https:") return true;
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname ?? "");
  return protocol === "http:" && isLoopback;
}

/**
 * `config.json`: every interval and limit, with its default. Durations are milliseconds.
 * Unknown keys are refused. Nothing in the code may depend on a default.
 */
export const Settings = z.strictObject({
  http: z
    .strictObject({
      port: z.number().int().min(0).max(65_535).default(4500),
      host: z.string().default("127.0.0.1"),
      requestMs: z.number().int().positive().default(30_000),
    })
    .prefault({}),
  nats: z.strictObject({ url: z.string().optional() }).prefault({}),
  supervisor: z
    .strictObject({
      tickMs: ms.default(15_000),
      idleAfterMs: ms.default(90_000),
      cooldownMs: ms.default(90_000),
      maxManagers: z.number().int().positive().default(4),
      /** The window in which deaths of managers are counted. */
      windowMs: ms.default(86_400_000),
      /** How long an agent may be in one turn without a sign of life before it counts as ended. */
      turnLeaseMs: ms.default(3_600_000),
      /** How long a worker may be silent and still count as making progress; long builds are silent. */
      workerLeaseMs: ms.default(14_400_000),
      /** How long a worker may rest without a result and still count as making progress. */
      restMs: ms.default(7_200_000),
      /** How long a pull request may own the next step without any change of it. */
      parkMs: ms.default(86_400_000),
      /** How long a manager may take from its order to its launch. */
      startMs: ms.default(1_200_000),
      /** How long the session of a worker that ended is kept to be looked at, when nothing else claims it. */
      keepEndedMs: ms.default(300_000),
    })
    .prefault({}),
  scheduling: z
    .strictObject({
      /** Workers of all objectives that may run at the same time; managers are not counted. */
      workers: z.number().int().positive().default(32),
      slotsPerHost: z.number().int().positive().default(16),
      /** Load per core past which a host takes no further worker, while at least one runs there; 0 is no bound. */
      loadPerCore: z.number().nonnegative().default(8),
      /** Free space in bytes under which a host takes no further worker; 0 is no bound. */
      minFreeBytes: z.number().int().nonnegative().default(536_870_912),
      /** How long a measurement counts, and how often it is taken while somebody waits. */
      sampleMs: ms.default(90_000),
      lookMs: ms.default(20_000),
    })
    .prefault({}),
  probes: z
    .strictObject({
      terminalMs: ms.default(5_000),
      scmMs: ms.default(30_000),
      /** Worktrees are watched; this is only for what a watch may have missed, and it costs processes for each. */
      workspaceMs: ms.default(1_800_000),
    })
    .prefault({}),
  detecting: z
    .strictObject({
      maxAttempts: z.number().int().positive().default(3),
      maxMs: ms.default(300_000),
    })
    .prefault({}),
  reactions: z
    .strictObject({
      /** How long an agent may rest without a word, and without a pull request, before it is spoken to. */
      idleAfterMs: z.number().int().nonnegative().default(600_000),
    })
    .prefault({}),
  activity: z.strictObject({ recentMs: ms.default(60_000) }).prefault({}),
  /** How long nothing may be heard of an agent before its screen is looked at. */
  leases: z
    .strictObject({
      workingMs: ms.default(600_000),
      /** One that waits for a person or a forge may wait for days. */
      restingMs: ms.default(86_400_000),
      /** One that asked, or has not spoken yet, and whose screen tells when that is over; longer the longer it lasts. */
      askingMs: ms.default(30_000),
      /** One that is doubted; the longest doubt unless given. */
      doubtMs: ms.optional(),
    })
    .prefault({}),
  gc: z
    .strictObject({
      /** Between two passes over the directories; under pressure they come as often as hosts are measured. */
      everyMs: ms.default(300_000),
      /** Between two packings of one repository. */
      compactMs: ms.default(21_600_000),
      /** The uncommitted work of a closed session, that is in a ref; 0 keeps it until a person drops it. */
      keepPreservedMs: z.number().int().nonnegative().default(0),
    })
    .prefault({}),
  reviews: z
    .strictObject({
      leaseMs: ms.default(1_800_000),
      maxAttempts: z.number().int().positive().default(3),
      /** A worker rests for so long before auto-review looks at its new head. */
      idleMs: z.number().int().nonnegative().default(60_000),
      /** Before the next process of a reviewer that ended by itself; doubled with every one, up to `backoffMaxMs`. */
      backoffMs: ms.default(1_000),
      backoffMaxMs: ms.default(60_000),
    })
    .prefault({}),
  delivery: z.strictObject({ confirmMs: ms.default(6_000) }).prefault({}),
  /** How people are told what they should know; without `command` and `webhook`, by the log and `ao notices` alone. */
  notify: z
    .strictObject({
      /** argv; the notice is on its standard input and in AO_NOTICE_ variables. */
      command: z.array(z.string().min(1)).min(1).max(64).optional(),
      webhook: z.string().max(2_000).refine(isSafeAddress, SAFE_ADDRESS).optional(),
      /** Signs what is posted. */
      secret: z.string().min(16).max(512).optional(),
      types: z.array(z.enum(NOTICE_TYPES)).optional(),
      minPriority: z.enum(PRIORITIES).default("info"),
      /** How long one telling in one way may take. */
      deadlineMs: ms.max(60_000).default(10_000),
      /** Notices of one type of one session that are told within `periodMs`; further ones are held back. */
      burst: z.number().int().positive().default(3),
      /** The same over all sessions. */
      burstAll: z.number().int().positive().default(20),
      periodMs: ms.default(600_000),
    })
    .prefault({}),
  shutdown: z.strictObject({ graceMs: ms.default(3_000) }).prefault({}),
  effects: z
    .strictObject({
      /** Lanes that may work at the same time. */
      lanes: z.number().int().positive().default(16),
      retryMs: ms.default(500),
      retryMaxMs: ms.default(30_000),
    })
    .prefault({}),
  mail: z.strictObject({ republishMs: ms.default(10_000) }).prefault({}),
  limits: z
    .strictObject({
      bodyBytes: z.number().int().positive().default(1_048_576),
      /** Messages of one batch, so of one transaction. */
      batch: z.number().int().positive().default(1_024),
      /** A batch takes no further message after so many milliseconds: nothing else has a turn while it is stepped. */
      batchMs: z.number().int().positive().default(3),
      /** Actors kept live; the others are read from the store when a message comes. */
      liveActors: z.number().int().positive().default(2_000),
      /** Open orders of one actor; past it commands to it are refused. */
      outbox: z.number().int().positive().default(1_000),
      /** Callers waiting for answers. */
      callers: z.number().int().positive().default(1_024),
    })
    .prefault({}),
  journal: z
    .strictObject({
      keepDays: z.number().positive().default(30),
      maxBytes: z.number().int().min(16_777_216).default(4_294_967_296),
    })
    .prefault({}),
});
export type Settings = z.infer<typeof Settings>;
