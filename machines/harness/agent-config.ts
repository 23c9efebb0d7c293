import { z } from "zod";
import { Command } from "../argument.ts";
import { Permissions } from "./harness.ts";

/** An agent as a config names it: what runs, and how. */
export const AgentConfig = z.strictObject({
  harness: z.string().min(1).max(64),
  command: Command.optional(),
  model: z.string().max(128).optional(),
  permissions: Permissions.optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;
