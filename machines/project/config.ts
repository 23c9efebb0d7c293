import { z } from "zod";
import { argument } from "../argument.ts";
import { Check } from "../effects.ts";
import { AgentConfig } from "../harness/agent-config.ts";
import type { JsonObject } from "../json.ts";

/** Workers are kept by their session: how often and how soon one is started again. Durations are milliseconds. */
const Worker = AgentConfig.extend({
  restart: z.enum(["temporary", "transient", "permanent"]).default("temporary"),
  /** Restarts of one cause class allowed within `periodMs`. */
  intensity: z.number().int().nonnegative().max(100).default(3),
  periodMs: z.number().int().positive().default(600_000),
  backoffMs: z.number().int().nonnegative().default(1_000),
  backoffMaxMs: z.number().int().nonnegative().default(60_000),
});

/** `config` of a project: how its agents run and what holds for its pull requests. Unknown keys are refused. */
export const ProjectConfig = z.strictObject({
  worker: Worker.prefault({ harness: "claude-code" }),
  manager: AgentConfig.optional(),
  reviewers: z.array(AgentConfig).max(16).default([]),
  checks: z.array(Check).max(64).default([]),
  env: z.record(argument(256), argument(32_768, 0)).default({}),
  autoReview: z.boolean().optional(),
  mergeOnGreen: z.boolean().optional(),
  /** Whether a session rests at a limit of its harness and goes on by itself when that is over; true unless said. */
  quotaPause: z.boolean().optional(),
});
export type ProjectConfig = z.infer<typeof ProjectConfig>;

/** How a project wants its work reviewed, as its sessions are told. */
export function reviewingOf({
  reviewers,
  autoReview,
}: Pick<ProjectConfig, "reviewers" | "autoReview">): JsonObject {
  return {
    reviewers: reviewers.map(({ harness, command, model }) => ({
      harness,
      ...(command !== undefined && { command }),
      ...(model !== undefined && { model }),
    })),
    autoReview: autoReview ?? false,
  };
}
