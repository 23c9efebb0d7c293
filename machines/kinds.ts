import { collectorKind } from "./collector/collector.ts";
import { forge } from "./forge/forge.ts";
import type { KindName } from "./ids.ts";
import type { Kind } from "./kind.ts";
import { objectiveKind } from "./objective/objective.ts";
import { project } from "./project/project.ts";
import { question } from "./objective/question.ts";
import { reviewKind } from "./review/review.ts";
import { sessionKind } from "./session/session.ts";
import type { Settings } from "./settings.ts";
import { supervisorKind } from "./supervision/root.ts";
import { terminal } from "./terminal/terminal.ts";
import { workspace } from "./workspace/workspace.ts";

/** Every kind of actor there is, by name. */
export function kinds(settings: Settings): ReadonlyMap<KindName, Kind> {
  const all = [
    project,
    sessionKind(settings),
    terminal,
    workspace,
    forge,
    reviewKind(settings),
    objectiveKind(settings),
    question,
    supervisorKind(settings),
    collectorKind(settings),
  ];
  return new Map(all.map((kind) => [kind.name, kind]));
}
