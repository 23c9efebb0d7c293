import type { z } from "zod";
import type { ObjectiveLine, ObjectiveView, WorkerView } from "../../http/objective/view.ts";
import type { QuestionView } from "../../http/objective/questions.ts";
import { Failure } from "../../machines/failures.ts";
import { ask, part, query } from "../cli/api.ts";
import { textOfFile } from "../cli/text-file.ts";
import { age, listing, print, table, type Output } from "../cli/output.ts";

type Line = z.infer<typeof ObjectiveLine>;
type Worker = z.infer<typeof WorkerView>;
type Question = z.infer<typeof QuestionView>;

export async function createObjective(
  output: Output,
  { project, prompt, command }: { project: string; prompt: string; command: readonly string[] },
  { title, harness }: { title?: string; harness?: string },
): Promise<void> {
  const view = await ask<ObjectiveView>("POST", "/objectives", {
    body: {
      projectId: project,
      prompt,
      title,
      harness,
      ...(command.length > 0 && { command }),
    },
  });
  print(output, view, ({ id, state }) => `${id} ${state}`);
}

export async function listObjectives(
  output: Output,
  { project, all }: { project?: string; all?: boolean },
): Promise<void> {
  const answer = await ask<{ objectives: Line[] }>(
    "GET",
    `/objectives${query({ project, limit: 1_000 })}`,
  );
  const objectives = answer.objectives.filter(({ status }) => all === true || status === "active");
  const now = Date.now();
  print(output, { ...answer, objectives }, (facts) =>
    table(
      output,
      ["objective", "state", "workers", "pulls", "asked", "next", "why", "title"],
      facts.objectives.map((line) => [
        line.id,
        line.state,
        `${line.workers.open}/${line.workers.open + line.workers.succeeded + line.workers.failed}`,
        String(line.openPulls),
        String(line.openQuestions),
        line.next === null ? "-" : ahead(line.next.at, now),
        line.reason,
        line.title,
      ]),
    ),
  );
}

export async function showObjective(output: Output, given: string | undefined): Promise<void> {
  const id = given ?? process.env["AO_OBJECTIVE_ID"];
  if (id === undefined) {
    throw new Failure("MALFORMED", "show an objective: which? name it: ao objective show <id>");
  }
  const view = await ask<ObjectiveView>("GET", `/objectives/${part(id)}`);
  print(output, view, (facts) => story(output, facts, Date.now()));
}

/** The whole story in one screen: what there is, what was done about it, and what happens next. */
function story(output: Output, view: ObjectiveView, now: number): string {
  const { manager, next, budget } = view;
  const head = listing(output, {
    objective: `${view.id}  ${view.title}`,
    state: `${view.state} for ${age(view.since, now)}: ${view.reason}`,
    next: next === null ? "nothing: it has ended" : `${ahead(next.at, now)}: ${next.what}`,
    manager: `${manager.sessionId ?? "none"} epoch ${manager.epoch}, ${manager.state}, turn ${manager.turn}`,
    budget: `${spentOf(budget.spent)} of ${budget.managers} managers; ${budget.uselessPokes} useless pokes in a row`,
    summary: view.summary,
  });
  return [head, ...sections(output, view, now)].join("\n\n");
}

function spentOf(spent: Readonly<Record<string, number>>): string {
  const told = Object.entries(spent).map(
    ([cause, count]) => `${count} ${cause.replaceAll("_", " ")}`,
  );
  return told.length === 0 ? "0" : told.join(", ");
}

function sections(output: Output, view: ObjectiveView, now: number): string[] {
  const rows: readonly (readonly [readonly string[], readonly (readonly string[])[]])[] = [
    [["plan", "slice"], view.plan.map(({ title, done }) => [done ? "done" : "left", title])],
    [["worker", "state", "branch", "why", "result"], view.workers.map(workerRow)],
    [
      ["pull", "state", "checks", "review", "of", "title"],
      view.pulls.map((pull) => [
        `#${pull.number}`,
        pull.state,
        pull.checks,
        pull.review,
        pull.worker,
        pull.title,
      ]),
    ],
    [
      ["question", "state", "asked by", "answer", "text"],
      view.questions.map((each) => [
        each.id,
        each.state,
        each.asker ?? "the objective",
        each.answer ?? "",
        each.text,
      ]),
    ],
    [
      ["poke", "ago", "state", "after", "followed by"],
      view.pokes.map((poke) => [
        String(poke.n),
        age(poke.at, now),
        poke.state,
        poke.after,
        poke.outcome,
      ]),
    ],
    [
      ["manager", "ended", "lived", "cause", "why"],
      view.respawns.map((life) => [
        life.sessionId,
        `${age(life.endedAt, now)} ago`,
        age(life.orderedAt, life.endedAt),
        life.cause.replaceAll("_", " "),
        life.why,
      ]),
    ],
    [
      ["note", "by", "text"],
      view.notes.slice(-10).map(({ at, by, text }) => [age(at, now), by, text]),
    ],
    [
      ["message", "ago", "from", "state", "text"],
      view.messages
        .slice(-10)
        .map(({ id, at, from, state, text }) => [id, age(at, now), from, state, text]),
    ],
  ];
  return rows.flatMap(([headings, cells]) =>
    cells.length === 0 ? [] : [table(output, headings, cells)],
  );
}

function workerRow({ id, state, branch, reason, summary }: Worker): string[] {
  return [id, state, branch ?? "-", reason, summary];
}

/** How far ahead a time is. */
function ahead(at: number, now: number): string {
  return at <= now ? "now" : `in ${age(now, at)}`;
}

export async function planWorker(
  output: Output,
  { id, command }: { id: string; command: readonly string[] },
  options: { title: string; prompt: string; harness?: string; after?: string[] },
): Promise<void> {
  const { title, harness, after } = options;
  const worker = await ask<Worker>("POST", `/objectives/${part(id)}/workers`, {
    body: {
      title,
      prompt: options.prompt === "-" ? await textOfFile("-") : options.prompt,
      harness,
      dependsOn: after ?? [],
      ...(command.length > 0 && { command }),
    },
  });
  print(output, worker, ({ id: name, state, reason }) => `${name} ${state}: ${reason}`);
}

export async function stopWorker(output: Output, id: string, worker: string): Promise<void> {
  const path = `/objectives/${part(id)}/workers/${part(worker)}/stop`;
  const view = await ask<Worker>("POST", path, { body: {} });
  print(output, view, ({ id: name, state }) => `${name} ${state}`);
}

export async function sendText(
  output: Output,
  { id, text }: { id: string; text: string },
  { to }: { to?: string },
): Promise<void> {
  const answer = await ask<{ objectiveId: string }>("POST", `/objectives/${part(id)}/send`, {
    body: { text, to },
  });
  print(output, answer, () => `taken for ${to ?? `the manager of ${id}`}`);
}

export async function writeNote(output: Output, id: string, text: string): Promise<void> {
  const view = await ask<ObjectiveView>("POST", `/objectives/${part(id)}/note`, { body: { text } });
  print(output, view, ({ notes }) => `noted (${notes.length})`);
}

export async function makePlan(
  output: Output,
  id: string,
  { item = [], did = [] }: { item?: string[]; did?: string[] },
): Promise<void> {
  const items = [
    ...did.map((title) => ({ title, done: true })),
    ...item.map((title) => ({ title, done: false })),
  ];
  if (items.length === 0) {
    throw new Failure("MALFORMED", `plan ${id}: name its slices with --item and --did`);
  }
  const view = await ask<ObjectiveView>("POST", `/objectives/${part(id)}/plan`, {
    body: { items },
  });
  print(output, view, ({ plan }) => `${plan.filter(({ done }) => !done).length} left`);
}

export async function askPerson(
  output: Output,
  { id, question }: { id: string; question: string },
  { option = [] }: { option?: string[] },
): Promise<void> {
  const answer = await ask<{ questionId: string }>("POST", `/objectives/${part(id)}/ask`, {
    body: { question, options: option },
  });
  print(
    output,
    answer,
    ({ questionId }) => `${questionId} asked; end your turn, the answer is typed here`,
  );
}

export async function finish(
  output: Output,
  id: string,
  { summary, failed }: { summary: string; failed?: boolean },
): Promise<void> {
  const view = await ask<ObjectiveView>("POST", `/objectives/${part(id)}/done`, {
    body: { summary, outcome: failed === true ? "failed" : "succeeded" },
  });
  print(output, view, ({ state }) => `${id} ${state}`);
}

export async function cancel(output: Output, id: string): Promise<void> {
  const view = await ask<ObjectiveView>("POST", `/objectives/${part(id)}/cancel`, { body: {} });
  print(output, view, ({ state }) => `${id} ${state}`);
}

export async function listQuestions(
  output: Output,
  { objective, all }: { objective?: string; all?: boolean },
): Promise<void> {
  const asked = query({ objective, limit: 1_000, ...(all === true && { all: "true" }) });
  const answer = await ask<{ questions: Question[] }>("GET", `/questions${asked}`);
  const now = Date.now();
  print(output, answer, ({ questions }) =>
    table(
      output,
      ["question", "state", "ago", "asked by", "options", "answer", "text"],
      questions.map((each) => [
        each.id,
        each.state,
        age(each.askedAt, now),
        each.asker ?? each.objectiveId,
        each.options.join(" | "),
        each.answer ?? "",
        each.text,
      ]),
    ),
  );
}

export async function answerQuestion(output: Output, id: string, answer: string): Promise<void> {
  const view = await ask<Question>("POST", `/questions/${part(id)}/answer`, { body: { answer } });
  print(output, view, ({ state, kind, options }) => {
    // Options are what the asker thought of; a person may know better, or have mistyped. An escalation takes nothing else.
    const said = answer.trim().toLowerCase();
    const isOption = options.some((option) => option.toLowerCase() === said);
    const isOwn = kind === "ask" && options.length > 0 && !isOption;
    return `${id} ${state}${isOwn ? `, in words of your own: none of ${options.join(", ")}` : ""}`;
  });
}

export async function dismissQuestion(output: Output, id: string): Promise<void> {
  const view = await ask<Question>("POST", `/questions/${part(id)}/dismiss`, { body: {} });
  print(output, view, ({ state }) => `${id} ${state}`);
}
