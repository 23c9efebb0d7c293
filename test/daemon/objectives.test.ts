/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { ObjectiveView } from "../../http/objective/view.ts";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";
import { repositoryAlone } from "../support/repository.ts";

// A whole objective with real parts: a scripted manager in tmux that uses its tools, workers that commit and report.

/** Says what it does as hooks would, and drives: two workers first, then whatever it is told. */
const MANAGER = `#!/bin/sh
note() { echo "$*" >> "$DIARY/$AO_SESSION_ID"; }
say() { ao hook command "$1" </dev/null; }
say active
cp "$AO_PROMPT_FILE" "$DIARY/$AO_SESSION_ID.prompt"
if grep -q "You are resuming" "$AO_PROMPT_FILE"; then
  ao objective done "$AO_OBJECTIVE_ID" --summary "Both halves are there" >> "$DIARY/$AO_SESSION_ID.out" 2>&1
  note "done $?"
else
  for half in north south; do
    ao objective worker "$AO_OBJECTIVE_ID" --title "$half" --prompt "Build the $half half" -- "$DIARY/worker" "$half" >> "$DIARY/$AO_SESSION_ID.out" 2>&1
    note "worker $half $?"
  done
fi
say idle
while IFS= read -r line; do
  note "heard $line"
  say active
  say idle
done
`;

const WORKER = `#!/bin/sh
echo "$1" > "$1.txt"
git add . && git -c user.name=w -c user.email=w@test commit -qm "Build the $1 half"
ao report --summary "The $1 half stands" >/dev/null
while IFS= read -r line; do :; done
`;

async function drivenProject(world: DaemonWorld): Promise<string> {
  const diary = join(world.home, "../diary");
  mkdirSync(diary);
  for (const [name, text] of [
    ["manager", MANAGER],
    ["worker", WORKER],
  ] as const) {
    writeFileSync(join(diary, name), text);
    chmodSync(join(diary, name), 0o755);
  }
  const { path } = await repositoryAlone();
  await world.post("/projects", {
    id: "demo",
    path,
    scm: "none",
    config: {
      worker: { harness: "command", command: [join(diary, "worker"), "other"] },
      manager: { harness: "command", command: [join(diary, "manager")] },
      env: { DIARY: diary },
    },
  });
  return diary;
}

function heard(diary: string, session: string): string[] {
  const file = join(diary, session);
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

const FAST = { supervisor: { tickMs: 1_000, idleAfterMs: 1_500, cooldownMs: 1_500 } };

it("a manager in tmux spawns two workers by its tools, is poked once, is killed and respawned with a resume, and finishes", async () => {
  const world = daemonWorld(FAST);
  await world.up();
  const diary = await drivenProject(world);
  const { id } = await world.post("/objectives", {
    projectId: "demo",
    prompt: "Build the bridge.",
  });
  const view = async (): Promise<ObjectiveView> => world.get(`/objectives/${id}`);
  const first = `${id}-m1`;
  await vi.waitUntil(async () => (await view()).workers.length === 2, PATIENCE_MS);
  await vi.waitUntil(
    async () => (await view()).workers.every(({ state }) => state === "succeeded"),
    PATIENCE_MS,
  );
  const pokesOf = async (): Promise<{ state: string }[]> => (await view()).pokes;
  await vi.waitUntil(
    async () => (await pokesOf()).some(({ state }) => state === "delivered"),
    PATIENCE_MS,
  );
  await vi.waitUntil(
    () => heard(diary, first).some((line) => line.includes("Decide now")),
    PATIENCE_MS,
  );
  const results = heard(diary, first).filter((line) => line.includes("half stands"));
  expect(results.length).toBeGreaterThanOrEqual(2);

  const { terminal } = await world.session(first);
  const pid = (await world.get(`/actors/terminal/${terminal.id}`)).context.pid;
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(async () => (await view()).status === "done", { timeout: 2 * PATIENCE_MS });

  const told = await view();
  expect(readFileSync(join(diary, `${id}-m2.prompt`), "utf8")).toContain("The north half stands");
  expect(told.respawns.map(({ cause, why }) => [cause, why])).toEqual([
    ["crash", "agent process exited: SIGKILL"],
  ]);
  expect(told.pokes.filter(({ state }) => state === "delivered")).toHaveLength(1);
  expect(told.workers.map(({ evidence }) => evidence.includes("result"))).toEqual([true, true]);
  const shown = await world.ao("objective", "show", id);
  for (const text of ["Both halves are there", "The south half stands", "crash", "poke"])
    expect(shown.stdout).toContain(text);
  const { context: root } = await world.get("/actors/supervisor/root");
  expect([root.repairs, root.held]).toEqual([{}, []]);
  await vi.waitUntil(
    async () =>
      (await world.get("/sessions")).sessions.every(
        ({ wanted }: { wanted: string }) => wanted === "stopped",
      ),
    PATIENCE_MS,
  );
}, 120_000);
