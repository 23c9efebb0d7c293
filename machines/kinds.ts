import { collectorKind } from "./collector.ts";
import { forge } from "./forge.ts";
import type { KindName } from "./ids.ts";
import type { Kind } from "./kind.ts";
import { objectiveKind } from "./objective.ts";
import { project } from "./project.ts";
import { question } from "./question.ts";
import { reviewKind } from "./review.ts";
import { sessionKind } from "./session.ts";
import type { Settings } from "./settings.ts";
import { supervisorKind } from "./supervisor-root.ts";
import { terminal } from "./terminal.ts";
import { workspace } from "./workspace.ts";

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
