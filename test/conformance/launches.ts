import { z } from "zod";
import { isOver, type SessionContext } from "../../machines/session/record.ts";
import type { Outcome } from "../../storage/store.ts";
import { AtSec } from "./cases.ts";
import { mailed, present, resultOf, type Play, type StepResult } from "./play.ts";
import { RecordShape } from "./record.ts";

// Launches
//
// How an agent comes to run, in the words of both models. A launch is here an epoch, from its order on.
//
//   P1. Here a start runs on to the launch; the model's row is put back to what the first step of it left.
//   P3. A row that is over has no program: what the set-up left running is ended before it begins again.
//   P4. The later model prepares a launch for an agent that said goodbye; here its process is gone then, and told so.
//   P5. A launch that is let go is one that did not come to run.

const at = { atSec: AtSec.optional() };
const Launch = z.string().min(1).optional();

export const LAUNCH_SHAPES = {
  spawnInitiated: RecordShape.extend(at),
  spawnCompleted: z.strictObject({
    ...at,
    branch: z.string().optional(),
    workspacePath: z.string().optional(),
    runtimeHandleId: z.string().optional(),
    runtimeName: z.string().optional(),
    agentSessionId: z.string().optional(),
  }),
  prepareLaunch: z.strictObject({ ...at, launch: Launch }),
  markSpawned: z.strictObject({
    ...at,
    launch: Launch,
    runtimeHandleId: z.string().optional(),
    runtimeName: z.string().optional(),
    agentSessionId: z.string().optional(),
  }),
  cancelLaunch: z.strictObject({ ...at, launch: Launch }),
} as const;
type StepOf<Name extends keyof typeof LAUNCH_SHAPES> = z.infer<(typeof LAUNCH_SHAPES)[Name]>;

/** A session that is over begins again under its own id; any other is seeded once. */
export async function spawnInitiated(
  play: Play,
  step: StepOf<"spawnInitiated">,
): Promise<StepResult> {
  const { stage } = play;
  const known = stage.record();
  if (known !== undefined && isOver(known)) {
    // P3
    await stage.ask(stage.session, "session.kill", { kind: "cleanup" });
    const steps = stage.past.length;
    const again = await stage.ask(stage.session, "session.restore");
    return begun(play, again, { steps, revision: known.revision + 1 });
  }
  const start = {
    projectId: stage.options.projectId,
    root: "/repository",
    scm: "none",
    baseRef: "main",
    branch: step.branch ?? `ao/${stage.id}`,
    kind: step.kind ?? "worker",
    harness: "command",
    argv: ["agent"],
    prompt: step.prompt ?? "",
  };
  const started = await stage.ask(stage.session, "session.start", start);
  if (known !== undefined) return resultOf(started);
  return begun(play, started, { steps: 0, revision: 1 });
}

/** The record as the step left it that began it (P1). */
async function begun(
  { stage }: Play,
  outcome: Outcome,
  { steps, revision }: { readonly steps: number; readonly revision: number },
): Promise<StepResult> {
  const context = stage.past[steps];
  if (outcome.type === "applied" && context !== undefined) {
    await stage.write(() => ({ ...context, revision }));
  }
  return resultOf(outcome);
}

/** The worktree is there, and the program runs: what the two children of a session say. */
export async function spawnCompleted(
  play: Play,
  step: StepOf<"spawnCompleted">,
): Promise<StepResult> {
  const { stage } = play;
  const known = stage.record();
  const isStarting = known?.terminal.state === "starting";
  const terminal = (known?.terminal.epoch ?? 0) + (isStarting ? 0 : 1);
  const { branch, workspacePath: path, runtimeHandleId: handle, runtimeName: runtime } = step;
  const { agentSessionId } = step;
  const told = [
    { child: "workspace", data: { epoch: known?.workspace.epoch ?? 1, path, branch } },
    { child: "terminal", data: { epoch: terminal, handle, runtime, agentSessionId } },
  ];
  let isError = false;
  for (const { child, data } of told) {
    const from = `${child}/${stage.id}`;
    const mail = { type: "child.started", from, data: present(data) };
    // oxlint-disable-next-line no-await-in-loop -- the worktree is there before the program
    isError = (await mailed(play, mail)).isError || isError;
  }
  return { isError };
}

/** A launch is ordered; asked again while it is under way, it is the same one. */
export async function prepareLaunch(
  play: Play,
  { launch = "" }: StepOf<"prepareLaunch">,
): Promise<StepResult> {
  const { stage } = play;
  const known = stage.record();
  if (hasLeft(known)) await mailed(play, exitOf(play, "clean")); // P4
  const isUnderWay = stage.record()?.terminal.state === "starting";
  const steps = stage.past.length;
  const asked = await stage.ask(stage.session, "session.restore");
  const revision = (known?.revision ?? 0) + 1;
  const result = isUnderWay ? resultOf(asked) : await begun(play, asked, { steps, revision });
  if (!result.isError) play.launches.set(launch, stage.record()?.terminal.epoch ?? 0);
  return result;
}

function hasLeft(record: SessionContext | undefined): boolean {
  if (record?.terminal.state !== "live") return false;
  return isOver(record) || record.axes.activity.state === "exited";
}

/** The launch that is under way has come to run; a row that is over is launched first. */
export async function markSpawned(
  play: Play,
  { launch, ...step }: StepOf<"markSpawned">,
): Promise<StepResult> {
  const known = play.stage.record();
  if (known !== undefined && isOver(known)) {
    const ordered = await prepareLaunch(play, { launch });
    if (ordered.isError) return ordered;
  }
  return spawnCompleted(play, step);
}

/** P5 */
export async function cancelLaunch(
  play: Play,
  { launch = "" }: StepOf<"cancelLaunch">,
): Promise<StepResult> {
  const { from, type, data } = exitOf(play, "launch");
  const epoch = play.launches.get(launch) ?? 0;
  return mailed(play, { from, type, data: { ...data, epoch } });
}

function exitOf({ stage }: Play, cause: "clean" | "launch") {
  const epoch = stage.record()?.terminal.epoch ?? 0;
  return { type: "child.exited", from: `terminal/${stage.id}`, data: { epoch, cause } } as const;
}
