import { existsSync } from "node:fs";
import type { z } from "zod";
import { withoutPasswords } from "../../adapters/git/failures.ts";
import type { DirectoryView } from "../../http/directories.ts";
import { isMirrorOf } from "../../adapters/git/mirrors.ts";
import type { ProjectView } from "../../http/schemas.ts";
import { Failure } from "../../machines/failures.ts";
import { homeOf, readRunFile } from "../run-file.ts";
import { folderOf } from "../cli/folder.ts";
import { ask, part } from "../cli/api.ts";
import { awaited } from "../cli/awaited.ts";
import { textOfFile } from "../cli/text-file.ts";
import { listing, print, printable, table, type Output } from "../cli/output.ts";

type Project = z.infer<typeof ProjectView>;

export interface ProjectOptions {
  readonly id?: string;
  readonly scm: string;
  readonly branch?: string;
  readonly harness?: string;
  readonly command?: string;
  readonly check?: readonly string[];
  readonly env?: readonly string[];
  readonly config?: string;
}

// The first time a URL is named, or a bare repository, all of it is fetched. The daemon gives up before this.
const FETCHED_WITHIN_MS = 1_860_000;

/** Registers the repository in a folder, or at a URL. */
export async function addProject(
  output: Output,
  place: string,
  options: ProjectOptions,
): Promise<void> {
  const where = isUrl(place) ? { url: place } : { path: folderOf(place) };
  const body = {
    id: options.id,
    ...where,
    scm: options.scm,
    defaultBranch: options.branch,
    config: options.config === undefined ? configOf(options) : await readJson(options.config),
  };
  const project = await awaited(output, `adding ${withoutPasswords(place)}`, async () =>
    ask<Project>("POST", "/projects", { body, timeoutMs: FETCHED_WITHIN_MS }),
  );
  print(output, project, ({ id, root }) => `project ${id}: ${root}`);
}

/** As git tells a URL from a folder: by its scheme, or by a host before the first slash, where there is no such folder. */
function isUrl(place: string): boolean {
  return /^\w+:\/\//.test(place) || (/^[^/]+:[^:]/.test(place) && !existsSync(place));
}

export async function listProjects(output: Output): Promise<void> {
  const answer = await ask<{ projects: Project[] }>("GET", "/projects?limit=1000");
  const home = homeOf(process.env);
  const places = await Promise.all(
    answer.projects.map(async ({ root, origin }) =>
      // A person named the URL; where its mirror is tells them nothing.
      origin !== undefined && (await isMirrorOf(home, root)) ? origin : root,
    ),
  );
  print(output, answer, ({ projects }) =>
    table(
      output,
      ["id", "state", "scm", "branch", "repository"],
      projects.map(({ id, state, scm, defaultBranch }, n) => [
        id,
        state,
        scm,
        defaultBranch,
        places[n] ?? "",
      ]),
    ),
  );
}

export async function showProject(output: Output, id: string): Promise<void> {
  const project = await ask<Project>("GET", `/projects/${part(id)}`);
  print(output, project, (facts) => listing(output, { ...facts }));
}

/** Where a webhook goes. GitHub reaches no loopback by itself: its own tool forwards. */
export async function showWebhook(output: Output, id: string): Promise<void> {
  const hook = await ask<{ repository: string; path: string; secret: string }>(
    "GET",
    `/projects/${part(id)}/webhook`,
  );
  const { url } = readRunFile(homeOf(process.env)) ?? { url: "" };
  print(output, { ...hook, url: `${url}${hook.path}` }, (facts) =>
    [
      listing(output, { repository: facts.repository, url: facts.url, secret: facts.secret }),
      "",
      `gh webhook forward --repo=${facts.repository} --url=${facts.url} --secret=${facts.secret} \\`,
      "  --events=pull_request,pull_request_review,pull_request_review_comment,issue_comment,check_suite,status",
    ].join("\n"),
  );
}

export async function changeProject(
  output: Output,
  id: string,
  verb: "pause" | "resume" | "rm",
): Promise<void> {
  const path = `/projects/${part(id)}`;
  const project =
    verb === "rm"
      ? await ask<Project>("DELETE", path)
      : await ask<Project>("POST", `${path}/${verb}`);
  const mirror = verb === "rm" ? await mirrorOf(project) : undefined;
  print(output, project, ({ state }) => {
    const left = mirror === undefined ? "" : `; its mirror ${mirror.path} is kept: ${mirror.why}`;
    return `project ${id}: ${state}${printable(left)}`;
  });
}

/** The mirror of a project that is gone, where it stays. */
async function mirrorOf({ root }: Project): Promise<DirectoryView | undefined> {
  const { directories } = await ask<{ directories: DirectoryView[] }>("GET", "/directories");
  return directories.find(
    ({ area, path, verdict }) => area === "mirror" && path === root && verdict === "kept",
  );
}

/** Shows a project's configuration, or replaces it by that of a JSON file. */
export async function configureProject(
  output: Output,
  id: string,
  file: string | undefined,
): Promise<void> {
  const path = `/projects/${part(id)}`;
  const project =
    file === undefined
      ? await ask<Project>("GET", path)
      : await ask<Project>("PUT", `${path}/config`, { body: await readJson(file) });
  print(output, project.config, (config) => JSON.stringify(config, undefined, 2));
}

function configOf(options: ProjectOptions): object {
  const { harness, command, check = [], env = [] } = options;
  const worker = {
    harness: harness ?? (command === undefined ? "claude-code" : "command"),
    command,
  };
  return {
    worker,
    checks: check.map((text) => {
      const [name, run] = pair(text, "--check");
      return { name, command: run };
    }),
    env: Object.fromEntries(env.map((text) => pair(text, "--env"))),
  };
}

function pair(text: string, option: string): [string, string] {
  const cut = text.indexOf("=");
  if (cut > 0) return [text.slice(0, cut), text.slice(cut + 1)];
  throw new Failure("MALFORMED", `read ${option} ${text}: expected name=value`);
}

async function readJson(file: string): Promise<unknown> {
  const text = await textOfFile(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("MALFORMED", `read ${file}: it is not a JSON file`, { cause });
  }
}
