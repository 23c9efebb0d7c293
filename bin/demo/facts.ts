import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { git } from "../../adapters/git/git.ts";
import type { Play } from "./acts/act.ts";
import { diaryOf, originMain } from "./stage.ts";
import * as views from "./views.ts";

// Demo facts
//
// Everything that must have happened, each with a name, as a sentence, and with the evidence for it: what the agents wrote
// down, what git has, what the daemon answers.

export type Fact = readonly [name: string, words: string, held: boolean];

const { GREETER, CARELESS, LISTER, DRAFTER, OBJECTIVE } = views;
const REVIEWER = `review-${GREETER}`;
const MANAGERS = [`${OBJECTIVE}-m1`, `${OBJECTIVE}-m2`] as const;

/** All facts, in the order of the story. */
export async function factsOf(play: Play, { keep }: { keep: boolean }): Promise<Fact[]> {
  return [
    ...casting(play),
    ...told(play),
    ...(await reviewing(play)),
    ...(await driving(play)),
    ...(await interrupted(play)),
    ...(await landed(play)),
    ...(await books(play, keep)),
  ];
}

function casting({ stage, telling, seen }: Play): Fact[] {
  const starts = (terminal: string): string =>
    diaryOf(stage, terminal)
      .filter((line) => line.startsWith("started"))
      .join();
  return [
    [
      "daemon-killed-once",
      "the daemon was killed once with SIGKILL, in the middle of a review, and went on",
      telling.kills.length === 1 && seen.wasReviewing,
    ],
    [
      "agents-started-once",
      "each agent was started once",
      [GREETER, CARELESS, LISTER, MANAGERS[0]].every((id) => starts(id) === "started 1"),
    ],
  ];
}

/** Each piece of news reached the agent that it was for once, and nobody else. */
function told({ stage }: Play): Fact[] {
  const diaries = [GREETER, CARELESS, LISTER].map((id) => [id, diaryOf(stage, id)] as const);
  const hearers = (start: string): string =>
    diaries
      .flatMap(([id, lines]) => lines.filter((line) => line.startsWith(start)).map(() => id))
      .join();
  return [
    [
      "check-told-once",
      "a check failed, and its agent was told once",
      hearers("told check") === CARELESS,
    ],
    [
      "comment-told-once",
      "a review comment reached the right agent once",
      hearers("told comment hello") === GREETER,
    ],
    [
      "conflict-told-once",
      "a merge conflict reached the right agent once",
      hearers("told conflict") === LISTER,
    ],
    [
      "changes-told-once",
      "requested changes reached the right agent once",
      hearers("told review") === GREETER,
    ],
  ];
}

async function reviewing({ house, stage, seen }: Play): Promise<Fact[]> {
  const runs = await views.runsOf(house, GREETER);
  const diary = diaryOf(stage, REVIEWER);
  const lines = (start: string): string[] => diary.filter((line) => line.startsWith(start));
  const first = runs[0];
  const lives = await livesOf(house, REVIEWER);
  const isApproved = (name: string): boolean =>
    diary.some((line) => line.startsWith("found") && line.endsWith(`${name} approved`));
  return [
    [
      "one-reviewer-for-two",
      "two pull requests were given to one reviewer",
      lines("took 1").length === 2,
    ],
    [
      "run-superseded",
      "a push in mid-review superseded its run",
      first?.status === "failed" && first.failReason === "superseded",
    ],
    [
      "other-run-kept",
      "the other run was not lost: the next reviewer took it",
      lines("took 2").length === 2,
    ],
    [
      "reviewer-destroyed-first",
      "the old reviewer was destroyed before the next one was spawned, one epoch later",
      lives === "start 1, destroyed, start 2, destroyed, start 3, destroyed",
    ],
    [
      "reviewers-in-turn",
      "reviewers came one after the other: epochs 1, 2 and 3",
      lines("started").join() === "started 1,started 2,started 3",
    ],
    [
      "late-word-refused",
      "the late word of the old reviewer was refused",
      seen.lateWord?.exitCode === 1 && seen.lateWord.words.includes("not running any more"),
    ],
    [
      "changes-approved",
      "what was asked to change was approved in the end",
      isApproved("hello") && isApproved("goodbye"),
    ],
  ];
}

const Journal = z.object({
  entries: z.array(
    z.object({
      message: z.object({
        type: z.string(),
        data: z.looseObject({ epoch: z.number().optional() }),
      }),
    }),
  ),
});

/** When processes of a terminal were begun, with their epochs, and when one was gone. */
async function livesOf(house: Play["house"], terminal: string): Promise<string> {
  const { entries } = Journal.parse(
    await house.get(`/actors/terminal/${terminal}/journal?limit=500`),
  );
  const lives = entries.flatMap(({ message: { type, data } }) => {
    if (type === "child.start") return [`start ${data.epoch}`];
    return type === "destroyTerminal.done" ? ["destroyed"] : [];
  });
  return lives.join(", ");
}

async function driving({ house, stage, seen }: Play): Promise<Fact[]> {
  const now = await views.objectiveOf(house);
  const shown = seen.shown.toLowerCase();
  const [first, second] = MANAGERS.map((id) => diaryOf(stage, id));
  const { workers } = now;
  return [
    [
      "workers-succeeded",
      "a manager spawned two workers by its tools, and both succeeded with evidence",
      hasOnce(first, "planned hello and goodbye", "planned thanks") &&
        workers.length === 2 &&
        workers.every(({ state, evidence }) => state === "succeeded" && evidence.length > 0),
    ],
    [
      "manager-poked-once",
      "the manager that went idle was poked once",
      hasOnce(first, "poked") &&
        now.pokes.filter(({ state }) => state === "delivered").length === 1,
    ],
    [
      "manager-replaced-once",
      "killed, it was replaced once by one that resumed",
      now.respawns.map(({ cause }) => cause).join() === "crash" && hasOnce(second, "resumed"),
    ],
    // Its own process is ended by it, maybe before it could write that down.
    [
      "done-accepted",
      "done was accepted",
      now.status === "done" && now.summary.includes("reviewed and merged"),
    ],
    [
      "objective-told",
      "ao objective show tells it all",
      [now.summary, GREETER, CARELESS, ...MANAGERS, "poke", "crash", "approved", "merged"].every(
        (text) => shown.includes(text.toLowerCase()),
      ),
    ],
  ];
}

async function interrupted({ house, stage, seen }: Play): Promise<Fact[]> {
  const session = await views.sessionOf(house, DRAFTER);
  const folders = worktreesIn(stage.home);
  const isIn = async (ref: string): Promise<boolean> =>
    git(["merge-base", "--is-ancestor", seen.draft, ref], { cwd: stage.repository }).then(
      () => true,
      () => false,
    );
  const notes = await git(["show", `refs/ao/preserved/${DRAFTER}:notes`], {
    cwd: stage.repository,
  }).catch(() => "");
  return [
    [
      "work-restored",
      "a session that was killed found all of its work when it was restored",
      diaryOf(stage, DRAFTER).includes("found notes Draft a greeting"),
    ],
    [
      "nothing-left-running",
      "killed again, it left no process and no worktree",
      session?.terminal.state === "stopped" &&
        !folders.includes(DRAFTER) &&
        seen.ended.length === 2 &&
        seen.ended.every((pid) => !existsSync(`/proc/${pid}`)),
    ],
    [
      "no-lost-commit",
      "and no lost commit: its branch has it, and a ref has its notes",
      (await isIn(`ao/${DRAFTER}`)) && notes.includes("Not yet."),
    ],
    [
      "workspaces-collected",
      "the workspaces of the objective were collected",
      [GREETER, CARELESS, ...MANAGERS].every((id) => !folders.includes(id)),
    ],
  ];
}

function hasOnce(lines: readonly string[] | undefined, ...starts: string[]): boolean {
  return starts.every((start) => lines?.filter((line) => line.startsWith(start)).length === 1);
}

function worktreesIn(home: string): string[] {
  const folder = join(home, "worktrees", views.PROJECT);
  return existsSync(folder) ? readdirSync(folder) : [];
}

const SCRIPTS = ["goodbye.sh", "hello.sh", "thanks.sh", "welcome.sh"];

async function landed({ house, stage }: Play): Promise<Fact[]> {
  const pulls = await views.pullsOf(house);
  const { files, merges, commits } = await originMain(stage);
  const list = await git(["show", "main:GREETINGS"], { cwd: stage.origin });
  return [
    [
      "pulls-merged-once",
      "each pull request was opened once, and merged once",
      pulls.length === SCRIPTS.length &&
        merges.length === SCRIPTS.length &&
        pulls.every(({ state }) => state === "merged"),
    ],
    [
      "merged-by-approval",
      "what the workers made was merged by approval of its reviewers",
      pulls
        .filter(({ session }) => session?.startsWith(OBJECTIVE))
        .every(({ reviewDecision }) => reviewDecision === "approved"),
    ],
    [
      "commits-once",
      "each commit is on origin/main once",
      new Set(commits).size === commits.length && commits.length === 8,
    ],
    [
      "main-whole",
      "main holds every script, and both lines that were in conflict",
      SCRIPTS.every((file) => files.includes(file)) &&
        ["thanks.sh", "welcome.sh"].every((line) => list.split("\n").includes(line)),
    ],
  ];
}

const ENDED: ReadonlySet<string> = new Set(["killed", "cleanup", "terminated", "done", "merged"]);

async function books({ house }: Play, keep: boolean): Promise<Fact[]> {
  const intake = await views.intakeOf(house);
  const sessions = await views.sessionsOf(house);
  const left: Fact = [
    "no-session-left",
    "no session is left",
    sessions.every(({ status }) => ENDED.has(status)),
  ];
  return [
    [
      "books-balance",
      `the books balance over ${intake.received} messages, none dead`,
      intake.isBalanced && intake.dead === 0,
    ],
    ["no-order-open", "no order is left open", intake.outbox === 0],
    ...(keep ? [] : [left]),
  ];
}
