import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import {
  HARNESSES,
  launchOf,
  strange,
  strangerAmong,
  type Wish,
} from "../machines/harness/harnesses.ts";
import { ProjectConfig } from "../machines/project/config.ts";
import { isReviewer, REVIEWER_HARNESSES } from "../machines/review/reviewers.ts";
import { type Command } from "../machines/argument.ts";
import type { SnapshotRow } from "../storage/store.ts";
import type { Edge } from "./edge.ts";
import { stateOf } from "./stored-state.ts";

const Stored = z.object({ config: ProjectConfig });

/**
 * Fails with AGENT_BINARY_NOT_FOUND when the program of the agent that is asked for is not there, before anything is made.
 * What the project itself refuses is left to it.
 */
export async function checkAgentOf(
  { hasProgram }: Edge,
  project: SnapshotRow,
  asked: Asked,
): Promise<void> {
  const stored = Stored.safeParse(stateOf(project).context);
  if (!stored.success || hasProgram === undefined) return;
  const wish = wishOf(stored.data.config, asked);
  const { harness: name } = wish;
  const harness = HARNESSES.get(name);
  const launch = launchOf(wish);
  const [program] = launch.type === "launch" ? launch.argv : [];
  if (harness === undefined || harness.program === null || program === undefined) return;
  if (await hasProgram(program)) return;
  const hint = `${harness.install}, or name another with worker.command of the project`;
  throw new Failure(
    "AGENT_BINARY_NOT_FOUND",
    `start ${name}: there is no program ${program}; ${hint}`,
  );
}

/**
 * As checkAgentOf, and also fails with HARNESS_UNKNOWN: for an agent that is ordered later, when nobody is there any more
 * to be refused.
 */
export async function refuseAgent(edge: Edge, project: SnapshotRow, asked: Asked): Promise<void> {
  const stored = Stored.safeParse(stateOf(project).context);
  if (!stored.success) return;
  const launch = launchOf(wishOf(stored.data.config, asked));
  if (launch.type === "refused") throw new Failure(launch.code, launch.message);
  await checkAgentOf(edge, project, asked);
}

/** Fails with HARNESS_UNKNOWN for a config by which an agent could never be launched. */
export function checkHarnessesOf({ worker, manager, reviewers }: ProjectConfig): void {
  const agents = [worker, ...(manager === undefined ? [] : [manager])];
  const stranger = strangerAmong(agents);
  if (stranger !== undefined) throw new Failure("HARNESS_UNKNOWN", `configure ${stranger}`);
  const noReviewer = reviewers.find(({ harness }) => !isReviewer(harness));
  if (noReviewer !== undefined) {
    const seen = strange(noReviewer.harness, REVIEWER_HARNESSES);
    throw new Failure("HARNESS_UNKNOWN", `configure a reviewer of ${seen}`);
  }
  const bare = [...agents, ...reviewers].find(
    ({ harness, command }) => HARNESSES.get(harness)?.program === null && command === undefined,
  );
  if (bare === undefined) return;
  const wish = `configure an agent of harness ${bare.harness}`;
  throw new Failure("HARNESS_UNKNOWN", `${wish}: it has no program of its own; give it a command`);
}

interface Asked {
  readonly kind: string;
  readonly harness?: string | undefined;
  readonly command?: Command | undefined;
}

function wishOf(
  { worker, manager = worker }: ProjectConfig,
  { kind, harness, command }: Asked,
): Wish {
  const configured = kind === "worker" ? worker : manager;
  const name = harness ?? configured.harness;
  const own = name === configured.harness ? configured.command : undefined;
  return { harness: name, command: command ?? own };
}
