import type { Adapter } from "../adapter.ts";
import { type Github, github } from "../github/github.ts";
import { localForge } from "./local.ts";

/** Adapters for pull requests wherever they are kept, and GitHub for the probe that looks there. */
export function forges(options: { readonly env: NodeJS.ProcessEnv; readonly version: string }): {
  readonly adapters: {
    readonly inspectBranches: Adapter<"inspectBranches">;
    readonly mergePullRequest: Adapter<"mergePullRequest">;
    readonly openPullRequest: Adapter<"openPullRequest">;
  };
  readonly github: Github;
} {
  const here = localForge();
  const there = github(options.env, options.version);
  return {
    adapters: {
      inspectBranches: here.inspectBranches,
      mergePullRequest: async (data, attempt) =>
        data.github === undefined
          ? here.mergePullRequest(data, attempt)
          : there.mergePullRequest({ ...data, github: data.github }, attempt.signal),
      openPullRequest: there.openPullRequest,
    },
    github: there,
  };
}
