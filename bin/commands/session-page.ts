import type { z } from "zod";
import { clipped } from "../../http/clipped.ts";
import type { Explanation } from "../../http/session/explanation.ts";
import type { SessionView } from "../../http/session/view.ts";
import { ask, part } from "../cli/api.ts";
import { age, listing, paint, print, printable, type Output } from "../cli/output.ts";

type Explained = SessionView & { readonly explanation: z.infer<typeof Explanation> };

/** One session: how it stands, what it waits for, what that rests on, and how it came there. */
export async function showSession(output: Output, id: string): Promise<void> {
  const session = await ask<Explained>("GET", `/sessions/${part(id)}`);
  const now = Date.now();
  print(output, session, (facts) =>
    [
      headOf(output, facts, now),
      section(output, "waits for", facts.explanation.waitsFor),
      section(output, "to know", facts.notices.map(noticeLine(now))),
      listing(output, factsOf(facts)),
      section(output, "pull requests", facts.prs.map(pullLine)),
      section(output, "rests on", facts.explanation.evidence.map(evidenceLine(now))),
      section(output, "next", facts.explanation.timers.map(timerLine(now))),
      section(output, "came from", facts.explanation.transitions.map(transitionLine(now))),
      section(output, "open orders", facts.explanation.orders.map(orderLine(now))),
      section(
        output,
        messagesHeading(facts),
        facts.explanation.messages.last.map(messageLine(now)),
      ),
    ]
      .filter((text) => text !== "")
      .join("\n"),
  );
}

function headOf(output: Output, session: Explained, now: number): string {
  const { id, status, statusReason, statusSince, title } = session;
  const why = statusReason === "" ? "" : ` (${statusReason.replaceAll("_", " ")})`;
  const name = title === "" ? "" : `  ${title}`;
  return `${paint(output, "bold", id)}${printable(`${name}: ${status}${why}`)}, for ${age(statusSince, now)}`;
}

function section(output: Output, heading: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return [paint(output, "dim", heading), ...lines.map((line) => `  ${printable(line)}`)].join("\n");
}

function factsOf(session: Explained): Record<string, unknown> {
  const { projectId, objectiveId, kind, harness, branch, wanted, workspace, terminal } = session;
  const { report, trouble, explanation, prompt } = session;
  const ended = terminal.signal ?? terminal.exitCode;
  return {
    project: projectId,
    objective: objectiveId,
    agent: `${kind}, ${harness}`,
    prompt: clipped(prompt, 500),
    wanted,
    branch,
    worktree: [workspace.state, workspace.path, workspace.headSha?.slice(0, 12), workspace.reason]
      .filter((text) => text !== undefined && text !== null)
      .join(", "),
    terminal: `${terminal.state}, epoch ${terminal.epoch}${ended === undefined ? "" : `, ended with ${ended}`}`,
    attach: terminal.attach.length === 0 ? undefined : `ao attach ${session.id}`,
    "last words": explanation.lastWords?.text,
    report: report === null ? undefined : `${report.outcome}: ${report.summary}`,
    trouble: trouble === null ? undefined : `${trouble.code}: ${trouble.message}`,
  };
}

type Line<Fact> = (fact: Fact) => string;
type Part<Name extends keyof Explained["explanation"]> = Explained["explanation"][Name];

function noticeLine(now: number): Line<Explained["notices"][number]> {
  return ({ id, priority, state, title, since }) =>
    `${priority}: ${title}, for ${age(since, now)} (${state === "open" ? `ao notices ack ${id}` : state})`;
}

function pullLine({ number, state, ci, reviewDecision, title, url }: Explained["prs"][number]) {
  const review = reviewDecision === "none" ? "" : `, review ${reviewDecision.replaceAll("_", " ")}`;
  return `#${number} ${state}, checks ${ci.state}${review}: ${title} ${url}`;
}

function evidenceLine(now: number): Line<Part<"evidence">[number]> {
  return ({ of, says, source, at }) => `${of}: ${says}, by ${source} ${age(at, now)} ago`;
}

function timerLine(now: number): Line<Part<"timers">[number]> {
  return ({ what, at }) =>
    at <= now ? `due since ${age(at, now)}: ${what}` : `in ${age(now, at)}: ${what}`;
}

function transitionLine(now: number): Line<Part<"transitions">[number]> {
  return ({ at, changes, message: { type, from, id } }) =>
    `${age(at, now)} ago: ${changes.join(", ")} (${type}${from === undefined ? "" : ` from ${from}`}; ao why ${id})`;
}

function orderLine(now: number): Line<Part<"orders">[number]> {
  return ({ name, to, at, attempts, lastError }) =>
    `${name} to ${to}, for ${age(at, now)}${attempts > 1 ? `, tried ${attempts} times` : ""}${lastError === undefined ? "" : `: ${lastError}`}`;
}

function messagesHeading({ explanation: { messages } }: Explained): string {
  const counts = Object.entries(messages.counts).map(([state, count]) => `${count} ${state}`);
  return `messages: ${counts.join(", ")}`;
}

function messageLine(now: number): Line<Part<"messages">["last"][number]> {
  return ({ state, at, text, reason }) =>
    `${age(at, now)} ago, ${state}${reason === undefined ? "" : ` (${reason})`}: ${clipped(text, 200)}`;
}
