/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument, typescript/no-unsafe-return, typescript/no-unsafe-call -- looks into bodies of every shape */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReviewRunView, ReviewsView } from "../../http/review/view.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { daemonWorld, PATIENCE_MS } from "../support/daemon.ts";
import { pullFacts } from "../support/pulls.ts";
import { commitFile } from "../support/repository.ts";

// A real daemon, real tmux, and reviewers that are programs: one that waits, one that submits, one that does not listen.

const REVIEWER = `#!/bin/sh
cp "$AO_PROMPT_FILE" "$DIARY/task.$AO_EPOCH"
env > "$DIARY/env.$AO_EPOCH"
for place in $(cat "$DIARY/places"); do touch "$place/evil"; done
echo "$AO_EPOCH $$ $(git rev-parse HEAD) $(git status --porcelain | wc -l | tr -d ' ')" >> "$DIARY/reviewers"
case $(cat "$DIARY/mode") in
  submit)
    run=$(sed -n 's/.*, run \\([^,]*\\),.*/\\1/p' "$AO_PROMPT_FILE" | head -n 1)
    echo 'Mend the loop.' | ao review submit --session "$AO_REVIEW_WORKER_SESSION_ID" --run "$run" \\
      --verdict changes_requested --body - --token "$AO_TOKEN" ;;
  exit) exit 3 ;;
  deaf)
    trap '' TERM HUP INT
    while :; do sleep 1; done ;;
  *) exec sleep 600 ;;
esac
`;

const world = daemonWorld({ reviews: { backoffMs: 100 } });
const folder = join(world.home, "..");
let id = "";
let tree = "";

function mode(name: string): void {
  writeFileSync(join(folder, "mode"), name);
}

interface Started {
  readonly epoch: number;
  readonly pid: number;
  readonly head: string;
  readonly changes: number;
}

/** Reviewers that began so far. */
function reviewers(): Started[] {
  const file = join(folder, "reviewers");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [epoch, pid, head = "", changes] = line.split(" ");
    return { epoch: Number(epoch), pid: Number(pid), head, changes: Number(changes) };
  });
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function newest(): Promise<ReviewRunView> {
  return (await world.get(`/sessions/${id}/reviews`)).runs[0];
}

/** A commit on the worker's branch, as a forge tells it. */
async function push(text: string): Promise<string> {
  const headSha = await commitFile(tree, "code", `${text}\n`);
  const prs = [pullFacts({ headSha, headRef: `ao/${id}` })];
  await world.post(`/observations/scm/${id}`, { fetched: true, prs });
  return headSha;
}

async function trigger(): Promise<ReviewsView> {
  return world.post(`/sessions/${id}/reviews/trigger`);
}

/** The reviewer that works on a head, once it does. */
async function reviewerOf(head: string): Promise<Started> {
  await expect.poll(() => reviewers().at(-1)?.head, { timeout: PATIENCE_MS }).toBe(head);
  await expect.poll(newest, { timeout: PATIENCE_MS }).toMatchObject({ targetSha: head });
  const started = reviewers().at(-1);
  if (started === undefined) throw new Error("no reviewer began");
  return started;
}

beforeAll(async () => {
  await world.up({ mortal: true });
  await world.addProject();
  const command = join(folder, "reviewer.sh");
  writeFileSync(command, REVIEWER, { mode: 0o755 });
  const { config, root } = await world.get("/projects/demo");
  await world.request("PUT", "/projects/demo/config", {
    ...config,
    reviewers: [{ harness: "command", command: [command] }],
  });
  id = await world.addSession();
  const { workspace } = await world.session(id);
  tree = workspace.path ?? "";
  writeFileSync(join(folder, "places"), `${tree}\n${root}\n.\n`);
});
afterAll(async () => world.end());

describe("a reviewer", () => {
  it("R210 R212 F27 stands on its commit, is nobody's worker, and finds this ao first", async () => {
    mode("wait");
    const head = await push("stand");
    await trigger();
    const { epoch, changes } = await reviewerOf(head);
    expect(changes).toBe(0);
    // Where the machine lets nobody make mounts of its own, that is said, and root can write.
    const { isolation } = await world.get(`/sessions/${id}/reviews`);
    const isClosed = isolation === "read-only mounts";
    const { root } = await world.get("/projects/demo");
    const evil = [tree, root].map((place: string) => existsSync(join(place, "evil")));
    expect([isolation, evil.includes(true)]).toEqual([isolation, !isClosed]);
    const env = readFileSync(join(folder, `env.${epoch}`), "utf8");
    expect(env).toContain(`AO_REVIEW_WORKER_SESSION_ID=${id}\n`);
    expect(env).toContain(`AO_REVIEW_SESSION_ID=review-${id}\n`);
    expect(env).not.toMatch(/^AO_SESSION_ID=/m);
    expect(env).toMatch(new RegExp(`^PATH=${world.home}/bin:`, "m"));
    const task = readFileSync(join(folder, `task.${epoch}`), "utf8");
    expect(task).toContain(`--token aor1.${id}.review-${id}.${epoch}.`);
  });

  it("F08 R217 that does not listen is gone before the next one begins, and its late word is refused", async () => {
    mode("deaf");
    const old = await reviewerOf(
      await push("old").then(async (head) => trigger().then(() => head)),
    );
    const { id: run } = await newest();
    mode("wait");
    const head = await push("new");
    await trigger();
    const now = await reviewerOf(head);
    expect([isAlive(old.pid), isAlive(now.pid), now.epoch > old.epoch]).toEqual([
      false,
      true,
      true,
    ]);
    const task = readFileSync(join(folder, `task.${old.epoch}`), "utf8");
    const token = /--token (\S+)/.exec(task)?.[1] ?? "";
    const late = await world.ao(
      "review",
      "submit",
      id,
      "--run",
      run,
      "--verdict",
      "approved",
      "--token",
      token,
    );
    expect([late.exitCode, late.stderr]).toEqual([
      1,
      expect.stringContaining("not running any more"),
    ]);
  });

  it("F06 that dies leaves its run to a new one", async () => {
    mode("wait");
    const { pid } = await reviewerOf((await newest()).targetSha);
    process.kill(pid, "SIGKILL");
    await expect
      .poll(newest, { timeout: PATIENCE_MS })
      .toMatchObject({ status: "running", attempt: 2, retryReason: "reviewer_exited" });
    await expect.poll(() => reviewers().filter((one) => isAlive(one.pid)).length).toBe(1);
  });

  it("F19 that does not listen ends with a cancel", async () => {
    mode("deaf");
    const head = await push("cancelled");
    await trigger();
    const { pid } = await reviewerOf(head);
    await world.post(`/sessions/${id}/reviews/cancel`);
    expect(await newest()).toMatchObject({ status: "cancelled", failReason: "user_cancelled" });
    await expect.poll(() => isAlive(pid), { timeout: PATIENCE_MS }).toBe(false);
  });
});

describe("a daemon that is killed", () => {
  it("F02 once a reviewer was launched adopts it, and takes what it says", async () => {
    mode("wait");
    const head = await push("adopted");
    world.doom({ at: "result", effect: "launchTerminal" });
    await trigger();
    await world.doomed();
    await world.up({ mortal: true });
    const { pid, epoch } = await reviewerOf(head);
    await expect
      .poll(newest, { timeout: PATIENCE_MS })
      .toMatchObject({ status: "running", attempt: 1, epoch });
    expect(isAlive(pid)).toBe(true);
    expect(reviewers().filter((one) => one.epoch === epoch)).toHaveLength(1);
  });

  it("F32 F12 while its reviewer works finds the result that was kept, and types it to the worker once", async () => {
    mode("wait");
    const { epoch } = await reviewerOf((await newest()).targetSha);
    const { id: run } = await newest();
    const task = readFileSync(join(folder, `task.${epoch}`), "utf8");
    const token = /--token (\S+)/.exec(task)?.[1] ?? "";
    await world.kill();
    const body = join(folder, "body");
    writeFileSync(body, "Mend the loop.");
    const args = ["--run", run, "--verdict", "changes_requested", "--body", body, "--token", token];
    const kept = await world.ao("review", "submit", id, ...args);
    expect(kept.exitCode).toBe(75);
    await world.up({ mortal: true });
    await expect
      .poll(newest, { timeout: PATIENCE_MS })
      .toMatchObject({ status: "delivered", tree: "pinned" });
    await world.settled();
    expect(world.typed(id).filter((line) => line === "Mend the loop.")).toHaveLength(1);
  });

  it("with all its terminals goes on with the same run in one new process (F03)", async () => {
    mode("wait");
    const head = await push("rebooted");
    await trigger();
    const before = await reviewerOf(head);
    const { id: run } = await newest();
    await world.kill();
    await world.tmux("kill-server");
    await expect.poll(() => isAlive(before.pid)).toBe(false);
    mode("submit");
    await world.up({ mortal: true });
    await expect
      .poll(newest, { timeout: PATIENCE_MS })
      .toMatchObject({ id: run, status: "complete", attempt: 2, verdict: "changes_requested" });
    expect(reviewers().filter((one) => one.head === head)).toHaveLength(2);
  });
});
