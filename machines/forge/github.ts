import { z } from "zod";

/** A repository of GitHub as `gh` writes it: `owner/name`, with the host before it where that is not github.com. */
export const GithubRepository = z
  .string()
  .regex(/^(?:[\w.-]+(?::\d+)?\/)?[\w.-]+\/[\w.-]+$/, "expected [host/]owner/name");

// https://host/owner/name, ssh://git@host:22/owner/name, git@host:owner/name; each with or without `.git`.
const URLS = [
  /^https?:\/\/(?:[^@/]*@)?(?<host>[\w.-]+(?::\d+)?)\/(?<path>[\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/,
  /^ssh:\/\/(?:[^@/]*@)?(?<host>[\w.-]+)(?::\d+)?\/(?<path>[\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/,
  /^(?:[\w.-]+@)?(?<host>[\w.-]+):(?<path>[\w.-]+\/[\w.-]+?)(?:\.git)?$/,
];

/** The repository of GitHub that the URL of a remote names; undefined when it cannot be one. */
export function githubRepositoryOf(url: string): string | undefined {
  for (const form of URLS) {
    const { host, path } = form.exec(url)?.groups ?? {};
    if (host === undefined || path === undefined) continue;
    // github.com answers to ssh over the port of https under that name.
    return /^(?:ssh\.)?github\.com$/i.test(host) ? path : `${host.toLowerCase()}/${path}`;
  }
  return undefined;
}
