import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { Failure } from "../../machines/failures.ts";
import { isOpenPull } from "../../machines/pull-state.ts";
import type { PullView } from "../../http/schemas.ts";
import { ask, look, part } from "../cli/api.ts";
import { isWaiting, type WaitOptions } from "../cli/declaration.ts";
import { EXIT } from "../cli/exit.ts";
import { eachOf, type Orders } from "../cli/several.ts";
import type { Standing } from "../cli/settled.ts";
import { textOfFile } from "../cli/text-file.ts";
import { listing, paint, print, printable, table, type Output } from "../cli/output.ts";

type Pull = z.infer<typeof PullView>;
type Pulls = {
  pulls: Pull[];
  trouble: Pull["trouble"];
  failedOpenings: { headRef: string; baseRef: string; trouble: { message: string } }[];
};

export interface OpenOptions {
  readonly title: string;
  readonly head?: string;
  readonly base?: string;
  readonly body?: string;
  readonly session?: string;
  readonly draft?: boolean;
}

export async function openPull(
  output: Output,
  given: string | undefined,
  options: OpenOptions,
): Promise<void> {
  const project = given ?? process.env["AO_PROJECT_ID"];
  if (project === undefined) {
    throw new Failure(
      "MALFORMED",
      "open a pull request: of which project? name it: ao pr open <project>",
    );
  }
  const headRef = options.head ?? (await branchHere());
  const { title, base: baseRef, body, session, draft } = options;
  const answer = await ask<Opened | { accepted: true }>("POST", pulls(project), {
    body: { title, headRef, baseRef, body: await textOf(body), session, draft },
  });
  const pull = "accepted" in answer ? await openedThere(project, { headRef, baseRef }) : answer;
  print(
    output,
    pull,
    ({ number, url, created }) => `#${number} ${url}${created ? "" : " (open already)"}`,
  );
}

type Opened = { number: number; url: string; created: boolean };

const OPENING_MS = 60_000;
const LOOK_MS = 300;

/** Waits until GitHub has opened it, or has said why not. */
async function openedThere(
  project: string,
  { headRef, baseRef }: { headRef: string; baseRef: string | undefined },
): Promise<Opened> {
  const until = Date.now() + OPENING_MS;
  while (Date.now() < until) {
    // oxlint-disable-next-line eslint/no-await-in-loop -- one look after the other
    const { pulls: there, failedOpenings } = await ask<Pulls>("GET", pulls(project));
    const isIt = (each: { headRef: string; baseRef: string }): boolean =>
      each.headRef === headRef && (baseRef === undefined || each.baseRef === baseRef);
    const pull = there.find((each) => isIt(each) && isOpenPull(each));
    if (pull !== undefined) return { number: pull.number, url: pull.url, created: true };
    const failed = failedOpenings.find(isIt);
    if (failed !== undefined) throw new Failure("FORGE_REFUSED", failed.trouble.message);
    // oxlint-disable-next-line eslint/no-await-in-loop -- and a rest between them
    await delay(LOOK_MS);
  }
  throw new Failure(
    "DEADLINE_PASSED",
    `open a pull request of ${headRef}: GitHub has not answered for a minute; look with: ao pr ls ${project}`,
  );
}

async function branchHere(): Promise<string> {
  const { git } = await import("../../adapters/git/git.ts");
  const branch = await git(["branch", "--show-current"], { cwd: process.cwd() });
  if (branch !== "") return branch;
  throw new Failure(
    "BRANCH_UNKNOWN",
    "open a pull request: no branch is checked out here; name one with --head",
  );
}

export async function listPulls(output: Output, project: string): Promise<void> {
  const answer = await ask<Pulls>("GET", pulls(project));
  print(output, answer, (facts) => {
    const rows = table(
      output,
      ["number", "state", "checks", "mergeable", "head", "session", "title"],
      facts.pulls.map((pull) => [
        `#${pull.number}`,
        pull.state,
        pull.ci.state,
        pull.mergeable === null ? "unknown" : String(pull.mergeable),
        pull.headRef,
        pull.session ?? "",
        pull.title,
      ]),
    );
    const { trouble } = facts;
    return trouble === null ? rows : `${rows}\n${paint(output, "red", printable(trouble.message))}`;
  });
}

/** One pull request, with the end of the log of each check that fails and every comment. */
export async function showPull(output: Output, project: string, number: string): Promise<void> {
  const pull = await ask<Pull>("GET", `${pulls(project)}/${part(number)}`);
  print(output, pull, (facts) => {
    const { ci, comments, title, state, headRef, baseRef, headSha, session, trouble, url } = facts;
    const head = `#${facts.number} ${printable(title)}: ${state}`;
    const about = listing(output, {
      branch: `${headRef} → ${baseRef}`,
      head: headSha,
      session,
      checks: ci.state,
      mergeable: facts.mergeable === null ? "unknown" : String(facts.mergeable),
      review: facts.reviewDecision.replaceAll("_", " "),
      trouble: trouble === null ? undefined : `${trouble.code}: ${trouble.message}`,
      url,
    });
    const logs = (ci.failing ?? []).flatMap(({ name, logTail = "" }) => [
      paint(output, "red", printable(`${name} fails`)),
      ...logTail
        .trimEnd()
        .split("\n")
        .slice(-LOG_LINES)
        .map((line) => `  ${printable(line)}`),
    ]);
    const said = comments.map(({ author, path, line, resolved, body }) => {
      const at = path === undefined ? "" : ` on ${path}${line === undefined ? "" : `:${line}`}`;
      return printable(`${author}${at}${resolved ? " (resolved)" : ""}: ${body}`);
    });
    return [head, about, ...logs, ...said].join("\n");
  });
}

// Of each check that fails; the whole tail is in --json.
const LOG_LINES = 20;

/** Turns one; a check is waited for where that is asked. The answer is the exit code. */
export async function changePull(
  output: Output,
  { project, number, verb }: { project: string; number: string; verb: "close" | "ready" | "check" },
  options: WaitOptions = {},
): Promise<number> {
  const change = async (): Promise<object> =>
    ask("POST", `${pulls(project)}/${part(number)}/${verb}`);
  if (!isWaiting(options)) {
    print(output, await change(), () => `#${number} was told to ${verb}`);
    return EXIT.done;
  }
  return turned(output, { project, number }, options, {
    command: `ao pr ${verb}`,
    order: change,
    standing: ({ state, ci, trouble }) => {
      const words = `checks ${ci.state}`;
      if (ci.state === "failing") return { is: "failed", words };
      if (ci.state !== "pending") return { is: "reached", words };
      return isOpenPull({ state }) ? { is: "open", words } : failedBy(state, trouble);
    },
  });
}

/** Merges; `unreviewed` does without the review that it owes. The answer is the exit code. */
export async function mergePull(
  output: Output,
  { project, number }: { project: string; number: string },
  { unreviewed = false, ...options }: WaitOptions & { unreviewed?: boolean },
): Promise<number> {
  const path = `${pulls(project)}/${part(number)}`;
  const body = unreviewed ? { unreviewed } : {};
  const merge = async (): Promise<object> => ask("POST", `${path}/merge`, { body });
  if (!isWaiting(options)) {
    print(output, await merge(), () => `#${number} is being merged`);
    return EXIT.done;
  }
  return turned(output, { project, number }, options, {
    command: "ao pr merge",
    order: merge,
    standing: ({ state, merging, trouble }) => {
      if (state === "merged") return { is: "reached", words: "merged" };
      return merging ? { is: "open", words: "is being merged" } : failedBy(state, trouble);
    },
  });
}

/** Waits for what a pull request is turned into, and tells what it is then. */
async function turned(
  output: Output,
  { project, number }: { project: string; number: string },
  options: WaitOptions,
  {
    command,
    order,
    standing,
  }: {
    readonly command: string;
    readonly order: () => Promise<unknown>;
    readonly standing: (pull: Pull) => Omit<Standing<Pull>, "fact">;
  },
): Promise<number> {
  const path = `${pulls(project)}/${part(number)}`;
  const orders: Orders<Pull> = {
    command,
    async run() {
      await order();
      return ask("GET", path);
    },
    line: (pull) => printable(`#${pull.number} ${standing(pull).words}`),
    outcome: () => ({
      name: `#${number}`,
      address: `forge/${project}`,
      next: `ao pr show ${project} ${number}`,
      async look(signal) {
        const fact = await look<Pull>(path, signal);
        return { fact, ...standing(fact) };
      },
    }),
  };
  return eachOf(output, [number], orders, options);
}

function failedBy(state: string, trouble: Pull["trouble"]): Omit<Standing<Pull>, "fact"> {
  const why = trouble === null ? "" : `: ${trouble.message} (${trouble.code})`;
  return { is: "failed", words: `is ${state}${why}` };
}

/** Makes a pull request a session's own work. */
export async function claimPull(output: Output, session: string, number: number): Promise<void> {
  const path = `/sessions/${part(session)}/pr/claim`;
  const pull = await ask<Pull>("POST", path, { body: { number } });
  print(output, pull, (facts) => `#${facts.number} is the work of ${facts.session ?? ""}`);
}

export async function commentPull(
  output: Output,
  { project, number, body }: { project: string; number: string; body: string },
  options: { author?: string; path?: string; line?: number },
): Promise<void> {
  const answer = await ask<{ id: string }>("POST", `${pulls(project)}/${part(number)}/comment`, {
    body: { body: await textOf(body), ...options },
  });
  print(output, answer, ({ id }) => `comment ${id}`);
}

function pulls(project: string): string {
  return `/projects/${part(project)}/pulls`;
}

/** `-` is standard input. */
async function textOf(given: string | undefined): Promise<string | undefined> {
  return given === "-" ? textOfFile("-") : given;
}
