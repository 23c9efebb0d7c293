import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { Notes } from "../../actors/parts.ts";
import { Cause, SupervisorSpec } from "../../machines/supervision/supervision.ts";
import { readIfThere, writeDurably } from "../run-file.ts";
import type { HomeGuard } from "./home-guard.ts";

const Noted = z.object({
  spec: SupervisorSpec,
  phase: z.enum(["idle", "starting", "running", "restarting", "stopping", "stopped", "escalated"]),
  children: z.array(
    z.object({
      id: z.string(),
      epoch: z.number().int().nonnegative(),
      state: z.enum(["absent", "starting", "running", "stopping", "waiting", "ended"]),
      lastCause: Cause.exactOptional(),
    }),
  ),
  restarts: z.partialRecord(Cause, z.array(z.number())),
  dueAt: z.number().nullable(),
  downFrom: z.number().nullable(),
  failure: z.object({ cause: Cause, id: z.string() }).nullable(),
  wasUp: z.boolean().exactOptional(),
});

/**
 * Keeps a supervisor's state in a file of its own: the store is one of the parts it watches over.
 * A file that cannot be read counts as none; nothing is kept where the home was.
 */
export function fileNotes(file: string, guard?: Pick<HomeGuard, "look">): Notes {
  return {
    load() {
      try {
        const text = readIfThere(file);
        return text === undefined ? undefined : Noted.safeParse(JSON.parse(text)).data;
      } catch {
        return undefined;
      }
    },
    async save(state) {
      await Promise.resolve();
      if (guard?.look() !== undefined) return;
      mkdirSync(dirname(file), { recursive: true });
      writeDurably(file, JSON.stringify(state));
    },
  };
}
