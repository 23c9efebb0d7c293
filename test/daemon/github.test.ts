/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-return -- looks into bodies of every shape */
import { sign } from "@octokit/webhooks-methods";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { daemonWorld, PATIENCE_MS, type DaemonWorld } from "../support/daemon.ts";
import { checkRun, fakeGithub, said, type FakeGithub } from "../support/github.ts";
import { repositoryWithOrigin, run } from "../support/repository.ts";

// A project whose pull requests GitHub keeps, with a real daemon, tmux and git; GitHub is one of our own that answers by
// the schema which the real one publishes.

const AGENT = `
  echo "echo hello" > hello.sh
  git add hello.sh && git commit --quiet --message "Write hello.sh" && git push --quiet origin HEAD
  ao pr open --title "Say hello" && touch "$DIARY/opened"
  while IFS= read -r line; do printf '%s\\n' "$line" >> "$DIARY/typed-$AO_SESSION_ID"; done`;

async function scene(): Promise<{
  world: DaemonWorld;
  there: FakeGithub;
  env: Record<string, string>;
}> {
  const there = await fakeGithub();
  // Only a ring makes it look again.
  const world = daemonWorld({ probes: { terminalMs: 300, scmMs: 600_000 } });
  const { path, origin } = await repositoryWithOrigin();
  await run(path, "remote", "set-url", "origin", "https://github.com/acme/app.git");
  await run(path, "config", `url.${origin}.insteadOf`, "https://github.com/acme/app.git");
  const env = { GITHUB_API_URL: there.url, GH_TOKEN: there.token };
  await world.up({ env });
  const worker = { harness: "command", command: ["sh", "-c", AGENT] };
  const diary = join(world.home, "..");
  await world.post("/projects", {
    id: "demo",
    path,
    scm: "github",
    config: { worker, env: { DIARY: diary }, mergeOnGreen: false },
  });
  return { world, there, env };
}

/** Resolves once the daemon was killed in the middle of what it does at GitHub next: done there, but not answered. */
async function killedWithin(world: DaemonWorld, there: FakeGithub): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    there.beforeAnswer = () => {
      there.beforeAnswer = undefined;
      world.kill().then(resolve, reject);
    };
  });
}

async function ring(world: DaemonWorld): Promise<void> {
  const { secret, path } = await world.get("/projects/demo/webhook");
  const text = JSON.stringify({ repository: { full_name: "acme/app" } });
  const { url } = world.run();
  const signature = await sign(String(secret), text);
  const headers = { "content-type": "application/json", "x-hub-signature-256": signature };
  const { status } = await fetch(`${url}${path}`, { method: "POST", headers, body: text });
  expect(status).toBe(202);
}

it("opens a pull request there, tells the agent what fails and what is said, and merges it, over a kill", async () => {
  const { world, there, env } = await scene();
  const killed = killedWithin(world, there);
  const { id } = await world.post("/sessions", { projectId: "demo", prompt: "Say hello." });
  // It was opened, but nobody here heard of it, and a person closed it.
  await killed;
  const [pull] = there.pulls.values();
  if (pull === undefined) throw new Error("nothing was opened there");
  pull.state = "CLOSED";
  await world.up({ env });
  const pulls = async () => (await world.get("/projects/demo/pulls")).pulls;
  await vi.waitUntil(async () => (await pulls())[0]?.state === "closed", PATIENCE_MS);
  pull.state = "OPEN";
  await ring(world);
  await vi.waitUntil(async () => (await pulls())[0].state === "open", PATIENCE_MS);
  expect(there.pulls.size).toBe(1);
  expect(await pulls()).toMatchObject([
    {
      number: 1,
      title: "Say hello",
      headRef: `ao/${id}`,
      session: id,
      url: "https://github.com/acme/app/pull/1",
    },
  ]);
  await vi.waitUntil(async () => (await world.session(id)).pr.number === 1, PATIENCE_MS);

  there.logs.set(7, "Error: expected 1 to be 2\n");
  Object.assign(pull, { checks: [checkRun("test", "FAILURE", 7)], rollup: "FAILURE" });
  await ring(world);
  await vi.waitUntil(() => world.typed(id).join("\n").includes("expected 1 to be 2"), PATIENCE_MS);

  // While nobody looks somebody comments, and the daemon is killed.
  await world.kill();
  const thread = {
    isResolved: false,
    path: "hello.sh",
    line: 1,
    comments: { nodes: [said("t1", "Say it louder")] },
  };
  Object.assign(pull, { reviewThreads: { nodes: [thread] } });
  await world.up({ env });
  await vi.waitUntil(() => world.typed(id).join("\n").includes("Say it louder"), PATIENCE_MS);
  const told = world.typed(id).join("\n");
  expect(told.split("expected 1 to be 2")).toHaveLength(2);

  Object.assign(pull, {
    checks: [checkRun("test", "SUCCESS")],
    rollup: "SUCCESS",
    reviewThreads: { nodes: [] },
  });
  await ring(world);
  await vi.waitUntil(async () => (await pulls())[0].ci.state === "passing", PATIENCE_MS);
  const killedAgain = killedWithin(world, there);
  await world.post("/projects/demo/pulls/1/merge");
  await killedAgain;
  await world.up({ env });
  await vi.waitUntil(async () => (await pulls())[0].state === "merged", PATIENCE_MS);
  expect(there.merged).toEqual([{ number: 1, method: "merge", sha: pull.headRefOid }]);
  await vi.waitUntil(async () => (await world.session(id)).pr.state === "merged", PATIENCE_MS);
});

it("says why GitHub cannot be asked, until it can", async () => {
  const { world, there } = await scene();
  there.refuse({ status: 401, message: "Bad credentials" });
  await world.post("/sessions", { projectId: "demo", prompt: "Say hello." });
  const trouble = async () => (await world.get("/projects/demo/pulls")).trouble;
  await vi.waitUntil(async () => (await trouble()) !== null, PATIENCE_MS);
  const { stdout } = await world.ao("pr", "ls", "demo");
  expect(stdout).toContain(
    "at acme/app: Bad credentials (401); start the daemon with a new GH_TOKEN",
  );
  there.refuse(undefined);
  await ring(world);
  await vi.waitUntil(async () => (await trouble()) === null, PATIENCE_MS);
});
