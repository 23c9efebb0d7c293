import { Failure } from "../../machines/failures.ts";
import { ask, part, query } from "../cli/api.ts";
import { age, paint, print, table, type Output } from "../cli/output.ts";

interface Notice {
  readonly id: string;
  readonly sessionId: string;
  readonly type: string;
  readonly priority: string;
  readonly title: string;
  readonly text: string;
  readonly state: string;
  readonly since: number;
  readonly delivery?: {
    readonly told: readonly string[];
    readonly failed: readonly { readonly way: string; readonly message: string }[];
    readonly isHeld: boolean;
  };
}

export interface NoticeOptions {
  readonly all?: boolean;
  readonly project?: string;
  readonly session?: string;
  readonly limit: number;
}

/** What people should know; with `all` also what was seen or is over. */
export async function listNotices(output: Output, options: NoticeOptions): Promise<void> {
  const { all, ...filter } = options;
  const path = `/notices${query({ state: all === true ? "all" : "open", ...filter })}`;
  const answer = await ask<{ notices: Notice[]; total: number }>("GET", path);
  const asked = output.isJson ? "" : await askedOf(filter);
  const now = Date.now();
  print(output, answer, ({ notices, total }) => {
    const nothing = asked === "" ? "nothing that you should know" : "no notices";
    if (total === 0) return `${paint(output, "dim", nothing)}${asked}`;
    const rows = notices.map((notice) => [
      notice.id,
      notice.priority,
      notice.state,
      age(notice.since, now),
      toldOf(notice),
      notice.text === "" ? notice.title : `${notice.title}: ${notice.text}`,
    ]);
    const more = total > notices.length ? `\n${total - notices.length} more: --limit ${total}` : "";
    return `${table(output, ["id", "priority", "state", "since", "told", "what"], rows)}${more}${asked}`;
  });
}

/** What objectives ask is listed by itself, with what may be answered. */
async function askedOf({ project, session }: Omit<NoticeOptions, "all">): Promise<string> {
  if (session !== undefined) return "";
  const path = `/questions${query({ project, limit: 1_000 })}`;
  const { questions } = await ask<{ questions: { id: string }[] }>("GET", path);
  const count = questions.length;
  if (count === 0) return "";
  return `\n${count} open ${count === 1 ? "question" : "questions"} of objectives: ao question ls`;
}

/** Takes note of notices; one that was taken note of before stays so. */
export async function acknowledge(output: Output, ids: readonly string[]): Promise<void> {
  const question = ids.find(isQuestion);
  if (question !== undefined) {
    const instead = `ao question answer ${question} <answer>`;
    throw new Failure("MALFORMED", `take note of ${question}: it is a question: ${instead}`);
  }
  const seen: Notice[] = [];
  for (const id of ids) {
    // oxlint-disable-next-line no-await-in-loop -- each is answered or refused by itself
    seen.push(await ask<Notice>("POST", `/notices/${part(id)}/ack`, { body: {} }));
  }
  print(output, { notices: seen }, ({ notices }) =>
    notices.map(({ id, state }) => `${id}: ${state}`).join("\n"),
  );
}

/** What objectives ask is told in the same ways, under the id of the question. */
export function isQuestion(id: string): boolean {
  return /-q\d+$/.test(id);
}

function toldOf({ delivery }: Notice): string {
  if (delivery === undefined) return "";
  if (delivery.isHeld) return "held back";
  const failed = delivery.failed.map(({ way, message }) => `${way} failed (${message})`);
  return [...delivery.told, ...failed].join(", ");
}
