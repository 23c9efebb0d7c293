import type { z } from "zod";
import type { StepView } from "../../http/actors.ts";
import { actorPath } from "../cli/address.ts";
import { folderOf } from "../cli/folder.ts";
import { ask, part, query } from "../cli/api.ts";
import { type ChartState, stateTree } from "./state-tree.ts";
import { age, listing, print, table, type Output } from "../cli/output.ts";

type Step = z.infer<typeof StepView>;

interface ActorLine {
  readonly address: string;
  readonly states: readonly string[];
  readonly seq: number;
  readonly updatedAt: number;
}

export async function listActors(
  output: Output,
  options: { kind?: string; state?: string; after?: string; limit: number },
): Promise<void> {
  const answer = await ask<{ actors: ActorLine[]; next: string | null }>(
    "GET",
    `/actors${query({ ...options })}`,
  );
  const now = Date.now();
  print(output, answer, ({ actors, next }) => {
    const rows = actors.map(({ address, states, seq, updatedAt }) => [
      address,
      String(seq),
      age(updatedAt, now),
      states.join(" "),
    ]);
    const more = next === null ? "" : `\nmore: ao actors --after ${next}`;
    return `${table(output, ["address", "steps", "changed", "states"], rows)}${more}`;
  });
}

/** One actor: as it is, its steps, or as it was. */
export async function showActor(
  output: Output,
  address: string,
  options: { journal?: boolean; svg?: boolean; at?: number; after?: number; limit: number },
): Promise<void> {
  const path = await actorPath(address);
  if (options.svg === true) {
    const picture = await ask<string>("GET", `${path}/svg${query({ at: options.at })}`);
    print(output, { svg: picture }, ({ svg }) => svg.trimEnd());
    return;
  }
  if (options.at !== undefined) {
    const state = await ask<object>("GET", `${path}/at/${options.at}`);
    print(output, state, (facts) => listing(output, { ...facts }));
    return;
  }
  if (options.journal === true) {
    const { after, limit } = options;
    const journal = await ask<{ entries: Step[] }>(
      "GET",
      `${path}/journal${query({ after, limit })}`,
    );
    print(output, journal, ({ entries }) => steps(output, entries));
    return;
  }
  const facts = await ask<{ value: unknown; machine: string }>("GET", path);
  const { chart } = await ask<{ chart: ChartState }>("GET", `/machines/${part(facts.machine)}`);
  print(
    output,
    facts,
    (all) => `${stateTree(output, chart, all.value)}\n\n${listing(output, { ...all })}`,
  );
}

function steps(output: Output, entries: readonly Step[]): string {
  const rows = entries.map(({ seq, committedAt, message, orders, value }) => [
    String(seq),
    new Date(committedAt).toISOString(),
    message.type,
    message.id,
    orders.map(({ name }) => name).join(" "),
    value === undefined ? "" : JSON.stringify(value),
  ]);
  return table(output, ["seq", "at", "message", "id", "orders", "state"], rows);
}

interface Cause {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly at: number;
  readonly address?: string;
  readonly seq?: number;
}

export async function why(output: Output, id: string): Promise<void> {
  const answer = await ask<{ causes: Cause[] }>("GET", `/causes/${part(id)}`);
  print(output, answer, ({ causes }) =>
    causes
      .map(({ at, type, name, address, seq, id: own }, index) => {
        const where =
          address === undefined ? "" : ` → ${address}${seq === undefined ? "" : `#${seq}`}`;
        return `${"  ".repeat(index)}${new Date(at).toISOString()} ${type} ${name}${where} (${own})`;
      })
      .join("\n"),
  );
}

export async function showIntake(output: Output): Promise<void> {
  const books = await ask<object>("GET", "/intake");
  print(output, books, (facts) => listing(output, { ...facts }));
}

interface Letter {
  readonly id: number;
  readonly at: number;
  readonly code: string;
  readonly subject: string;
  readonly message: string;
}

export async function listLetters(output: Output, after: number | undefined): Promise<void> {
  const answer = await ask<{ letters: Letter[] }>(
    "GET",
    `/dead-letters${query({ after, limit: 500 })}`,
  );
  const now = Date.now();
  print(output, answer, ({ letters }) =>
    table(
      output,
      ["id", "ago", "code", "subject", "message"],
      letters.map(({ id, at, code, subject, message }) => [
        String(id),
        age(at, now),
        code,
        subject,
        message,
      ]),
    ),
  );
}

export async function retryLetter(output: Output, id: string): Promise<void> {
  const answer = await ask<{ address: string; seq: number }>(
    "POST",
    `/dead-letters/${part(id)}/retry`,
  );
  print(output, answer, ({ address, seq }) => `applied at ${address}#${seq}`);
}

/** Lets a quarantined actor take messages again. */
export async function releaseActor(output: Output, given: string): Promise<void> {
  const path = await actorPath(given);
  const answer = await ask<object>("POST", `${path}/release`, { body: {} });
  print(output, answer, () => `${given} takes messages again`);
}

export async function backUp(output: Output, folder: string): Promise<void> {
  const answer = await ask<{ folder: string }>("POST", "/backup", {
    body: { folder: folderOf(folder) },
  });
  print(output, answer, ({ folder: where }) => `copied into ${where}`);
}
