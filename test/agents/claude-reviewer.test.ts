/* oxlint-disable typescript/no-unsafe-return, typescript/no-unsafe-member-access, typescript/no-unsafe-assignment -- looks into bodies of every shape */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import type { ReviewRunView, ReviewsView } from "../../http/review/view.ts";
import { CLAUDE, signedIn } from "../support/claude.ts";
import { daemonWorld } from "../support/daemon.ts";
import { fakeAnthropic } from "../support/fake-anthropic.ts";
import { pullFacts } from "../support/pulls.ts";
import { commitFile, repositoryAlone } from "../support/repository.ts";

// The real Claude Code as a reviewer, in a real pane, under the real daemon; only the model is scripted.

const PATIENCE = { timeout: 90_000 };
const Journal = z.object({
  entries: z.array(z.object({ message: z.object({ type: z.string(), data: z.unknown() }) })),
});
const Heard = z.object({ state: z.string() });

it("R275 reads its task, says what it does, and submits by the command that stands there; the worker is told once", async () => {
  const model = await fakeAnthropic([
    {
      match: /You are a code reviewer[^]*2 review tasks/,
      reply: "Both read.",
      tools: ({ said }) => {
        const command = /^ {4}(printf .* \| ao review submit .*)$/m.exec(said)?.[1] ?? "false";
        const filled = command
          .replace('"VERDICT"', '"changes_requested"')
          .replace('"FINDINGS"', '"Mend the loop."')
          .replace('"VERDICT"', '"approved"')
          .replace('"FINDINGS"', '""');
        return [{ name: "Bash", input: { command: filled, description: "Submit" } }];
      },
    },
  ]);
  const world = daemonWorld();
  await world.up();
  const { path } = await repositoryAlone();
  const env = { ...signedIn(join(world.home, "../person"), model.url), NOTES: world.home };
  const worker = {
    harness: "command",
    command: ["sh", "-c", 'while read -r line; do echo "$line" >> "$NOTES/typed"; done'],
  };
  const reviewers = [{ harness: "claude-code", command: CLAUDE }];
  const config = { worker, reviewers, env };
  await world.post("/projects", { id: "demo", path, scm: "none", config });
  const { id } = await world.post("/sessions", { projectId: "demo", prompt: "wait" });
  await expect
    .poll(async () => world.session(id), PATIENCE)
    .toMatchObject({ terminal: { state: "live" } });
  const { workspace } = await world.session(id);
  const headSha = await commitFile(workspace.path ?? "", "code", "let x = 1;\n");
  const prs = [1, 2].map((number) => pullFacts({ number, url: `f://${number}`, headSha }));
  await world.post(`/observations/scm/${id}`, { fetched: true, prs });
  await expect
    .poll(async (): Promise<unknown> => (await reviewsOf()).reviews.length, PATIENCE)
    .toBe(2);
  await world.post(`/sessions/${id}/reviews/trigger`);

  async function reviewsOf(): Promise<ReviewsView> {
    return world.get(`/sessions/${id}/reviews`);
  }
  const first = async (): Promise<ReviewRunView | undefined> => (await reviewsOf()).runs.at(-1);
  await expect
    .poll(first, PATIENCE)
    .toMatchObject({ status: "delivered", verdict: "changes_requested", tree: "pinned" });
  const { runs } = await reviewsOf();
  expect(runs[0]).toMatchObject({ status: "complete", verdict: "approved", attempt: 1 });

  const typed = readFileSync(join(world.home, "typed"), "utf8");
  expect(typed.split("Mend the loop.")).toHaveLength(2);

  // Its hooks spoke for it, to its own review.
  const heard = async (): Promise<string[]> => {
    const { entries } = Journal.parse(await world.get(`/actors/review/${id}/journal?limit=1000`));
    const said = entries.filter(({ message }) => message.type === "review.activity");
    return said.map(({ message }) => Heard.parse(message.data).state);
  };
  await expect.poll(heard, PATIENCE).toEqual(expect.arrayContaining(["active", "idle"]));
  await world.post(`/sessions/${id}/kill`);
  await expect
    .poll(async () => (await reviewsOf()).reviewers, PATIENCE)
    .toMatchObject([{ state: "absent" }]);
}, 180_000);
