import { waitingItems } from "./inbox.ts";
import { pullsOf } from "./pulls.ts";
import { isOpenPull } from "../pull-state.ts";
import { isEnded, type ObjectiveContext, type Worker } from "./record.ts";

// Poke text
//
// What a manager is told of how its objective stands: in a poke, in a resume and in an escalation.
//
//   P1. Bounded: the goal, each line and each list; what is left out is counted, with the command that reads the rest.
//   P2. What has not ended comes first, then the newest.
//   P3. Every line has the id with which the manager can act on it.

const GOAL_CHARS = 6_000;
const LINE_CHARS = 280;
const MOST_LINES = 20;
const MOST_ANSWERS = 5;

/** The text of a poke. */
export function pokeText(context: ObjectiveContext): string {
  return [
    `You are the manager of objective ${context.id}. Its goal:`,
    goalOf(context),
    "",
    "No worker makes progress, and your turn is over, so nothing moves it on now.",
    "",
    snapshotText(context),
    "",
    choicesText(context),
  ].join("\n");
}

/** The prompt of the first manager of an objective. */
export function firstText(context: ObjectiveContext): string {
  return [
    `You are the manager of objective ${context.id}. Its goal:`,
    context.prompt,
    "",
    dutiesText(context),
    ...newsText(context),
  ].join("\n");
}

/** The prompt of a manager that takes over from one that ended. */
export function resumeText(context: ObjectiveContext): string {
  return [
    `You are the manager of objective ${context.id}. Its goal:`,
    context.prompt,
    "",
    "You are resuming an objective that is in progress: the manager before you has ended. Go on from the state below.",
    "Do not redo finished work, and do not spawn again workers that already ran. Drive the remainder to completion.",
    "",
    snapshotText(context),
    ...newsText(context),
    "",
    dutiesText(context),
  ].join("\n");
}

/** Workers, pull requests, questions and plan, most relevant first. */
export function snapshotText(context: ObjectiveContext): string {
  return [
    ...workersText(context),
    ...pullsText(context),
    ...questionsText(context),
    ...planText(context),
    `Read everything: ao objective show ${context.id}`,
  ].join("\n");
}

function goalOf({ prompt, id }: ObjectiveContext): string {
  if (prompt.length <= GOAL_CHARS) return prompt;
  return `${prompt.slice(0, GOAL_CHARS)}\n(It is truncated here; the rest: ao objective show ${id} --json)`;
}

function workersText(context: ObjectiveContext): string[] {
  const { workers, id } = context;
  if (workers.length === 0) return ["No workers were spawned yet."];
  const newest = workers.toReversed();
  const sorted = [
    ...newest.filter((worker) => !isEnded(worker)),
    ...newest.filter((worker) => isEnded(worker)),
  ];
  return ["Workers:", ...listed(sorted.map(workerLine), `ao objective show ${id}`)];
}

function workerLine(worker: Worker): string {
  const { id, title, state, reason } = worker;
  return `- ${id} "${title}" (worker, ${state}: ${reason}): ${resultLine(worker)}`.slice(0, 600);
}

/** Its own result, else what it is doing, else that it said nothing. */
function resultLine({ summary, facts, state }: Worker): string {
  if (summary !== "") return summary.slice(0, LINE_CHARS);
  if (facts !== null && !isEnded({ state })) return `${facts.activity.state}, no summary reported`;
  return "no summary reported";
}

function pullsText(context: ObjectiveContext): string[] {
  const pulls = pullsOf(context);
  if (pulls.length === 0) return [];
  const sorted = [...pulls.filter(isOpenPull), ...pulls.filter((pull) => !isOpenPull(pull))];
  const lines = sorted.map(
    ({ number, state, ci, review, title, worker, unresolved }) =>
      `- #${number} ${state}, checks ${ci}, review ${review}, ${unresolved} unresolved: "${title}" (${worker})`,
  );
  return ["Pull requests:", ...listed(lines, `ao pr ls`)];
}

function questionsText({ questions }: ObjectiveContext): string[] {
  const asked = questions.filter(({ kind }) => kind === "ask");
  const open = asked.filter(({ state }) => state === "open");
  const answered = asked
    .filter(({ answer }) => answer !== null)
    .slice(-MOST_ANSWERS)
    .toReversed();
  return [
    ...(open.length === 0 ? [] : ["Questions that wait for a person:"]),
    ...listed(
      open.map(({ id, text }) => `- ${id}: ${text.slice(0, LINE_CHARS)}`),
      "ao question ls",
    ),
    ...(answered.length === 0 ? [] : ["Answers:"]),
    ...answered.map(
      ({ id, text, answer }) =>
        `- ${id}: ${text.slice(0, LINE_CHARS)} -> ${(answer ?? "").slice(0, 1_000)}`,
    ),
  ];
}

function planText({ plan }: ObjectiveContext): string[] {
  const left = plan.filter(({ done }) => !done).map(({ title }) => `- ${title}`);
  return left.length === 0 ? [] : ["Left of your plan:", ...listed(left, "ao objective show")];
}

/** The first lines, and how many more there are (P1). */
function listed(lines: readonly string[], command: string): string[] {
  const left = lines.length - MOST_LINES;
  if (left <= 0) return [...lines];
  return [...lines.slice(0, MOST_LINES), `- and ${left} more: ${command}`];
}

/** What waits for a manager, in the order in which it came. */
function newsText(context: ObjectiveContext): string[] {
  const items = waitingItems(context);
  if (items.length === 0) return [];
  return ["", "What was said meanwhile, oldest first:", ...items.map(({ text }) => text)];
}

function choicesText({ id }: ObjectiveContext): string {
  return [
    "Decide now, and do one of these before you end your turn:",
    `- everything is done and every pull request is merged: ao objective done ${id} --summary TEXT`,
    `- work is left: ao objective worker ${id} --title TITLE --prompt TEXT [--after WORKER]`,
    `- only a person can decide: ao objective ask ${id} QUESTION`,
  ].join("\n");
}

function dutiesText({ id }: ObjectiveContext): string {
  return [
    "Delegate; do not write the code yourself. Your tools are commands in this terminal:",
    `- ao objective worker ${id} --title TITLE --prompt TEXT [--after WORKER]  spawns a worker on a branch of its own`,
    `- ao objective show ${id}  workers, pull requests, questions, what happens next`,
    `- ao objective send ${id} --to WORKER TEXT  speaks to a worker;  ao objective stop ${id} WORKER  ends one`,
    `- ao objective plan ${id} --item TITLE … [--did TITLE …]  the slices that are left`,
    `- ao objective note ${id} TEXT;  ao objective ask ${id} QUESTION [--option TEXT …]  asks a person`,
    `- ao pr open --head BRANCH --title TITLE  publishes the branch of a worker`,
    `- ao objective done ${id} --summary TEXT  when everything is merged`,
    "When nothing is to be done now, end your turn: do not sleep or poll, you are told what happens.",
  ].join("\n");
}
