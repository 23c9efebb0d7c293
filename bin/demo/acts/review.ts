import { readFileSync } from "node:fs";
import { join } from "node:path";
import { diaryOf } from "../stage.ts";
import { GREETER, pullsOf, runsOf, type Pull } from "../views.ts";
import { isMergeable, merged, pullOnce, written, type Play } from "./act.ts";

const REVIEWER = `review-${GREETER}`;

/**
 * One reviewer for two pull requests. While it reads, a person comments on one and the daemon is killed; the worker hears
 * of the comment, pushes, and the reviewer of the older commit is destroyed for one of the newer.
 */
export async function review(play: Play, killDaemon: () => Promise<void>): Promise<void> {
  const { house, person, seen } = play;
  const hello = await pullOnce(play, "hello", { what: "to pass its check", is: isMergeable });
  const goodbye = await pullOnce(play, "goodbye", { what: "to pass its check", is: isMergeable });
  person(`asks for a review of ${GREETER}`);
  await house.post(`/sessions/${GREETER}/reviews/trigger`);
  const task = await written(play, REVIEWER, "took 1");
  await written(play, REVIEWER, `took 1 ${otherRun(task)}`);
  await house.until("both reviews to run, and every pull request to be open", async () => {
    const runs = await runsOf(house, GREETER);
    return runs.filter(isRunning).length === 2 && (await pullsOf(house)).length === 4;
  });

  person(`comments on #${hello.number}, hello.sh`);
  await house.post(`/projects/demo/pulls/${hello.number}/comment`, {
    body: "What is this script for? Please say so in it.",
    author: "ada",
    path: "hello.sh",
    line: 1,
  });
  seen.wasReviewing = (await runsOf(house, GREETER)).filter(isRunning).length === 2;
  await killDaemon();

  await pushed(play, hello);
  person(`asks for a review of ${GREETER} again`);
  await house.post(`/sessions/${GREETER}/reviews/trigger`);
  await written(play, REVIEWER, "started 2");
  seen.lateWord = await lateWord(play);
  await written(play, GREETER, "told review goodbye");
  await pushed(play, goodbye);
  person(`asks for a review of what ${GREETER} mended`);
  await house.post(`/sessions/${GREETER}/reviews/trigger`);
  for (const name of ["hello", "goodbye"]) {
    // oxlint-disable-next-line no-await-in-loop -- merges go one after the other
    await pullOnce(play, name, {
      what: "to be approved",
      is: (pull) => isMergeable(pull) && pull.reviewDecision === "approved",
    });
    // oxlint-disable-next-line no-await-in-loop -- the same
    await merged(play, name, { unreviewed: false });
  }
}

function isRunning({ status }: { status: string }): boolean {
  return status === "running";
}

/** The second run of the first task: runs of one batch are numbered on. */
function otherRun(took: string): string {
  const run = took.split(" ")[2] ?? "";
  return run.replace(/\d+$/, (seq) => String(Number(seq) + 1));
}

/** Waits until a pull request stands on another commit than it did, and passes its check. */
async function pushed(play: Play, before: Pull): Promise<void> {
  const name = before.title.slice("Write ".length, -".sh".length);
  await pullOnce(play, name, {
    what: "to stand on a newer commit",
    is: (pull) => isMergeable(pull) && pull.headSha !== before.headSha,
  });
}

/** The reviewer that was superseded hands in after all, by the very command of its task. */
async function lateWord({ house, stage, person }: Play): Promise<Play["seen"]["lateWord"]> {
  const task = readFileSync(join(stage.diary, `${REVIEWER}.task.1`), "utf8");
  const token = /--token (\S+)/.exec(task)?.[1] ?? "";
  const took = diaryOf(stage, REVIEWER).find((line) => line.startsWith("took 1")) ?? "";
  const run = took.split(" ")[2] ?? "";
  person(`hands in run ${run} for the reviewer that was superseded`);
  const args = ["--run", run, "--verdict", "approved", "--token", token];
  return house.ao("review", "submit", GREETER, ...args);
}
