import type { SessionView } from "../../http/session/view.ts";
import { ask, query } from "../cli/api.ts";
import { age, print, table, type Output } from "../cli/output.ts";

interface Waiting {
  readonly sessionId: string;
  readonly ending: readonly string[];
}

/** Starts an orchestrator; with `clean` in place of those before it. */
export async function startOrchestrator(
  output: Output,
  { project: projectId, prompt }: { project: string; prompt: string | undefined },
  options: { clean?: boolean; harness?: string; title?: string },
): Promise<void> {
  const body = { projectId, prompt, ...options };
  const answer = await ask<SessionView | Waiting>("POST", "/orchestrators", { body });
  print(output, answer, (facts) =>
    "id" in facts
      ? `orchestrator ${facts.id}: ${facts.status}`
      : `orchestrator ${facts.sessionId} begins when these have ended: ${facts.ending.join(", ")}`,
  );
}

export async function listOrchestrators(
  output: Output,
  project: string | undefined,
): Promise<void> {
  const path = `/orchestrators${query({ project, limit: 1_000 })}`;
  const answer = await ask<{ orchestrators: SessionView[] }>("GET", path);
  const now = Date.now();
  print(output, answer, ({ orchestrators }) =>
    table(
      output,
      ["id", "status", "since", "wanted", "title"],
      orchestrators.map(({ id, status, lifecycle, wanted, title }) => [
        id,
        status,
        age(lifecycle.since, now),
        wanted,
        title,
      ]),
    ),
  );
}
