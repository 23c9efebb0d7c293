import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ReviewsView } from "../../http/review/view.ts";
import { reviewerTokens } from "../../http/tokens.ts";
import { commandLine, connected, type CommandLine } from "../support/command-line.ts";
import { withProject, withSession, type Served } from "../support/http.ts";
import { pullFacts } from "../support/pulls.ts";

const ASKS = ["--verdict", "changes_requested"];
const token = reviewerTokens("secret").mint({
  sessionId: "demo-1",
  terminal: "review-demo-1",
  epoch: 1,
});
const TOKEN = ["--token", token];
const RUN = ["--run", "demo-1-r1"];

/** A worker with a pull request, and its reviewer at work when `isReviewed`. */
async function worker(isReviewed: boolean): Promise<CommandLine & { readonly server: Served }> {
  const line = await connected();
  const { server } = line;
  await withProject(server);
  await withSession(server);
  await server.system.observe("scm", "demo-1", { fetched: true, prs: [pullFacts({ number: 42 })] });
  if (!isReviewed) return line;
  await server.request("POST", "/sessions/demo-1/reviews/trigger");
  await expect.poll(async () => firstRun(server)).toMatchObject({ status: "running" });
  return line;
}

async function firstRun(server: Served): Promise<unknown> {
  const answer = await server.request("GET", "/sessions/demo-1/reviews");
  return ReviewsView.parse(answer.body).runs.at(-1);
}

describe("ao review", () => {
  it("R270 trigger and execute start a review, and reuse the one that runs", async () => {
    const { ao } = await worker(false);
    const started = await ao(["review", "execute", "demo-1"]);
    expect([started.code, started.out]).toEqual([
      0,
      expect.stringContaining("started a new review for demo-1"),
    ]);
    const reused = await ao(["review", "trigger", "--session", "demo-1"]);
    expect(reused.out).toMatch(/^reused the existing review for demo-1\n.*review_running$/);
  });

  it("trigger --wait ends with the verdict of its run, and with 1 where there is none", async () => {
    const { ao, server } = await worker(false);
    const waiting = ao(["review", "trigger", "demo-1", "--wait"]);
    await expect.poll(async () => firstRun(server)).toMatchObject({ status: "running" });
    await ao(["review", "submit", "demo-1", ...RUN, ...TOKEN, "--verdict", "approved"]);
    expect(await waiting).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^demo-1-r1 approved {2}https:/) as unknown,
    });
    await server.system.observe("scm", "demo-1", {
      fetched: true,
      prs: [pullFacts({ number: 42, headSha: "b".repeat(40) })],
    });
    const again = ao(["review", "trigger", "demo-1", "--wait"]);
    await expect
      .poll(async () => (await ao(["review", "cancel", "demo-1"])).out)
      .toMatch(/^cancelled/);
    expect(await again).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^demo-1-r2 /) as unknown,
    });
  });

  it("R265 ls prints a row for each pull request: what it needs, since when, and why", async () => {
    const { ao } = await worker(true);
    const [head, row] = (await ao(["review", "ls", "demo-1"])).out.split("\n");
    expect(head).toMatch(/^PR +STATUS +VERDICT +AGE +WHY +TITLE$/);
    expect(row).toMatch(/^#42 +running +- +\d+s +running +A change$/);
  });

  it("ls says why an approval counts for nothing: the worktree was not the commit any more", async () => {
    const { ao, server } = await worker(true);
    server.outside.spoilTrees();
    const said = await ao([
      "review",
      "submit",
      "demo-1",
      ...RUN,
      ...TOKEN,
      "--verdict",
      "approved",
    ]);
    expect(said).toMatchObject({ code: 0 });
    await expect
      .poll(async () => (await ao(["review", "ls", "demo-1"])).out.split("\n")[1])
      .toMatch(/^#42 +needs_review +approved +\d+s +tree_changed +A change$/);
  });

  it("ls says so when there is nothing to review", async () => {
    const { ao, server } = await connected();
    await withProject(server);
    await withSession(server);
    expect((await ao(["review", "list", "demo-1"])).out).toBe("No reviews found for demo-1.");
  });

  it("R260 stop ends what is open, and R104 cancel nothing when nothing is", async () => {
    const { ao } = await worker(true);
    expect((await ao(["review", "stop", "--session", "demo-1"])).out).toBe(
      "cancelled review for demo-1: demo-1-r1",
    );
    expect((await ao(["review", "cancel", "demo-1"])).out).toBe("nothing to cancel for demo-1");
  });

  it("restart begins the open runs anew", async () => {
    const { ao } = await worker(true);
    expect((await ao(["review", "restart", "demo-1"])).out).toContain(
      "restarted the review for demo-1",
    );
  });

  it("restart says that nothing was restarted where a head is approved", async () => {
    const { ao, server } = await worker(true);
    const approve = ["review", "submit", "demo-1", ...RUN, "--verdict", "approved", ...TOKEN];
    expect(await ao(approve)).toMatchObject({ code: 0 });
    await expect.poll(async () => firstRun(server)).toMatchObject({ status: "complete" });
    const { out } = await ao(["review", "restart", "demo-1"]);
    expect(out).toMatch(/^restarted nothing for demo-1\n.*already_approved$/);
  });

  it("submit says that another verdict does not count once the first was delivered", async () => {
    const { ao, server } = await worker(true);
    const submit = ["review", "submit", "demo-1", ...RUN, ...TOKEN];
    await ao([...submit, ...ASKS, "--body", "-"], { input: "Mend it." });
    await expect.poll(async () => firstRun(server)).toMatchObject({ status: "delivered" });
    const same = await ao([...submit, ...ASKS, "--body", "-"], { input: "Mend it." });
    expect([same.code, same.out]).toEqual([0, "recorded changes_requested review for demo-1"]);
    const other = await ao([...submit, "--verdict", "approved"]);
    expect([other.code, other.out]).toEqual([1, ""]);
    expect(other.err).toContain(
      "run demo-1-r1 keeps its result, changes_requested, which was delivered (REVIEW_INVALID)",
    );
    expect(await firstRun(server)).toMatchObject({ verdict: "changes_requested" });
  });

  it.each([
    { title: "R252 from a file", body: "FILE", input: "" },
    { title: "R253 from standard input", body: "-", input: "Mend it." },
  ])("submit reads the body $title", async ({ body, input }) => {
    const { ao, home, server } = await worker(true);
    const file = join(home, "body.md");
    writeFileSync(file, "Mend it.");
    const args = [
      "review",
      "submit",
      "demo-1",
      ...RUN,
      ...ASKS,
      "--body",
      body === "FILE" ? file : body,
      ...TOKEN,
    ];
    const { code, out } = await ao(args, { input });
    expect([code, out]).toEqual([0, "recorded changes_requested review for demo-1"]);
    expect(await firstRun(server)).toMatchObject({
      body: "Mend it.",
      verdict: "changes_requested",
    });
  });

  it("R254 submit takes the id of what was posted, under each of its names", async () => {
    for (const name of ["--provider-id", "--review-id", "--review_id"]) {
      // oxlint-disable-next-line no-await-in-loop -- a world for each
      const { ao, server } = await worker(true);
      // oxlint-disable-next-line no-await-in-loop
      await ao([
        "review",
        "submit",
        "demo-1",
        ...RUN,
        "--verdict",
        "approved",
        name,
        "rev-7",
        ...TOKEN,
      ]);
      // oxlint-disable-next-line no-await-in-loop
      expect(await firstRun(server)).toMatchObject({ providerReviewId: "rev-7" });
    }
  });

  it("R255 submit takes several results from standard input", async () => {
    const { ao } = await worker(true);
    const input = JSON.stringify({ reviews: [{ runId: "demo-1-r1", verdict: "approved" }] });
    const { code, out } = await ao(["review", "submit", "demo-1", "--reviews", "-", ...TOKEN], {
      input,
    });
    expect([code, out]).toEqual([0, "recorded 1 review(s) for demo-1"]);
  });

  it("submit needs no environment, and a reviewer's own has its token", async () => {
    const { ao } = await worker(true);
    const env = {
      AO_REVIEW_SESSION_ID: "review-demo-1",
      AO_REVIEW_WORKER_SESSION_ID: "demo-1",
      AO_TOKEN: token,
    };
    const { code } = await ao(
      ["review", "submit", "--session", "demo-1", ...RUN, "--verdict", "approved"],
      { env },
    );
    expect(code).toBe(0);
  });

  it("F26 submit with a worker's own token is refused", async () => {
    const { ao, server } = await worker(true);
    const own = server.tokens.mint("demo-1", 1);
    const { code, err } = await ao([
      "review",
      "submit",
      "demo-1",
      ...RUN,
      "--verdict",
      "approved",
      "--token",
      own,
    ]);
    expect([code, err]).toEqual([1, expect.stringContaining("SUBMIT_TOKEN_INVALID")]);
    expect(await firstRun(server)).toMatchObject({ status: "running" });
  });

  it("F32 submit is kept when the daemon is down, with what it said", async () => {
    const { ao, home } = commandLine();
    const { code, out } = await ao([
      "review",
      "submit",
      "demo-1",
      ...RUN,
      "--verdict",
      "approved",
      ...TOKEN,
    ]);
    expect([code, out]).toEqual([75, expect.stringContaining("kept until it can")]);
    expect(readdirSync(join(home, "spool"))).toHaveLength(1);
  });

  it.each([
    { title: "no verdict that there is", args: ["--verdict", "lgtm"], said: "neither approved" },
    { title: "a wish for changes without words", args: ASKS, said: "needs a body" },
    {
      title: "more than a result may be",
      args: [...ASKS, "--body", "-"],
      input: "x".repeat(1_000_001),
      said: "longer than 1000000 characters",
    },
    {
      title: "more bytes than a daemon takes",
      args: [...ASKS, "--body", "-"],
      input: "ä".repeat(600_000),
      said: "limits.bodyBytes is 1048576",
    },
  ])("submit of $title is refused, and not kept for later", async ({ args, said, input }) => {
    const { ao, home } = commandLine();
    const submit = ["review", "submit", "demo-1", ...RUN, ...args, ...TOKEN];
    const { code, err } = await ao(submit, input === undefined ? {} : { input });
    expect([code, err]).toEqual([1, expect.stringContaining(said)]);
    expect(existsSync(join(home, "spool"))).toBe(false);
  });

  it.each([
    { title: "R257 two sessions", args: ["submit", "a-1", "b-1"] },
    { title: "R258 no verdict", args: ["submit", "demo-1", ...RUN, ...TOKEN] },
    { title: "R258 no session", args: ["submit", ...RUN, ...ASKS, ...TOKEN] },
    { title: "R258 no run", args: ["submit", "demo-1", ...ASKS, ...TOKEN] },
    { title: "no token", args: ["submit", "demo-1", ...RUN, ...ASKS] },
    { title: "R261 a stop of nothing", args: ["stop"] },
    { title: "R261 a stop of two", args: ["stop", "a-1", "b-1"] },
    { title: "R268 an ls of nothing", args: ["ls"] },
    { title: "R268 an ls of two", args: ["ls", "a-1", "b-1"] },
    {
      title: "R271 one result and several",
      args: ["submit", "demo-1", "--reviews", "-", ...RUN, ...TOKEN],
    },
    {
      title: "R272 an empty list",
      args: ["submit", "demo-1", "--reviews", "-", ...TOKEN],
      input: "[]",
    },
    { title: "R272 no JSON", args: ["submit", "demo-1", "--reviews", "-", ...TOKEN], input: "{" },
    {
      title: "a list with a word that no result has",
      args: ["submit", "demo-1", "--reviews", "-", ...TOKEN],
      input: '[{"runId":"demo-1-r1","verdict":"approved","words":"fine"}]',
    },
    {
      title: "a list whose words are none",
      args: ["submit", "demo-1", "--reviews", "-", ...TOKEN],
      input: '[{"runId":"demo-1-r1","verdict":"approved","body":7}]',
    },
  ])("ends with 2 and one line for $title", async ({ args, input = "" }) => {
    const { ao } = commandLine();
    const { code, err } = await ao(["review", ...args], { input });
    expect([code, err.split("\n").length]).toEqual([2, 1]);
  });
});
