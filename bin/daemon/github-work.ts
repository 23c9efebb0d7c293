import { pause } from "../../actors/clock.ts";
import type { ActorSystem } from "../../actors/actor-system.ts";
import { retryAtOf } from "../../adapters/github/failures.ts";
import { livePullsOf } from "../../machines/forge/pulls.ts";
import { addressOf, splitAddress } from "../../machines/ids.ts";
import { PullsObservation } from "../../machines/observations.ts";
import { hasWorktree } from "../../machines/workspace/facts.ts";
import { type Bell, bell } from "../../probes/bell.ts";
import { githubProbe, type Work } from "../../probes/github.ts";
import type { SummaryRow } from "../../storage/store.ts";
import { wordsOfOthers } from "./overheard.ts";
import type { Workshop } from "./workshop.ts";

// GitHub work
//
// Which branches of which sessions GitHub is asked about, and what makes it worth asking at once: a session that begins or
// comes to rest, work that was pushed.

/** Branches of sessions that have a worktree, by project. */
export class BranchIndex {
  readonly #branches = new Map<string, Map<string, string>>();
  readonly #seen = new Map<string, string>();
  readonly #bellOf: (project: string) => Bell | undefined;

  /** `bellOf` gives the bell that is rung when there may be news of a project; undefined where nobody looks at GitHub. */
  constructor(bellOf: (project: string) => Bell | undefined) {
    this.#bellOf = bellOf;
  }

  /** By session. */
  of(project: string): ReadonlyMap<string, string> {
    return this.#branches.get(project) ?? new Map();
  }

  note({ address, value, isDone, facts }: SummaryRow): void {
    const { kind, id } = splitAddress(address);
    const { projectId, branch, unpushed } = facts;
    // A forge with another number of pull requests has more to ask for.
    if (kind === "forge") this.#ringAt(address, id, { isDone, news: facts["pulls"] });
    if (typeof projectId !== "string" || (kind !== "workspace" && kind !== "session")) return;
    if (kind === "workspace")
      this.#noteBranch(projectId, id, hasWorktree(value) ? branch : undefined);
    const news = kind === "workspace" ? [branch, unpushed] : value;
    this.#ringAt(address, projectId, { isDone, news });
  }

  #ringAt(
    address: string,
    project: string,
    { isDone, news }: { isDone: boolean; news: unknown },
  ): void {
    const ours = this.#bellOf(project);
    // Every commit comes by here, and most projects are not at GitHub.
    if (ours === undefined) return;
    const state = JSON.stringify(news);
    if (this.#seen.get(address) !== state) ours.ring();
    if (isDone) this.#seen.delete(address);
    else this.#seen.set(address, state);
  }

  #noteBranch(project: string, session: string, branch: unknown): void {
    const branches = this.#branches.get(project) ?? new Map<string, string>();
    if (typeof branch === "string") branches.set(session, branch);
    else branches.delete(session);
    if (branches.size > 0) this.#branches.set(project, branches);
    else this.#branches.delete(project);
  }
}

/** Looks at GitHub for one project until the signal aborts. */
export async function lookAtGithub(
  { outside, bells, clock, settings }: Workshop,
  system: ActorSystem,
  options: {
    readonly target: { readonly project: string; readonly repository: string };
    readonly branches: BranchIndex;
    readonly signal: AbortSignal;
    readonly trouble: (error: unknown) => void;
  },
): Promise<void> {
  const { target, branches, signal, trouble } = options;
  const { project, repository } = target;
  const workOf = ([session, branch]: readonly [string, string]): Work => {
    const since = system.snapshot(addressOf("workspace", session))?.createdAt ?? 0;
    return { session, branch, since };
  };
  const ours = bell(clock);
  bells.set(project, ours);
  const doubted = new Set<number>();
  const unfollow = wordsOfOthers(system, "pulls", (id, { data }) => {
    if (id !== project) return;
    for (const { number } of PullsObservation.safeParse(data).data?.pulls ?? [])
      doubted.add(number);
    ours.ring();
  });
  signal.addEventListener("abort", unfollow, { once: true });
  await githubProbe({
    project,
    bell: ours,
    wanted: () => {
      const spokenOf = [...doubted];
      doubted.clear();
      return {
        work: [...branches.of(project)].map(workOf),
        numbers: livePullsOf(system.snapshot(addressOf("forge", project))?.snapshot),
        doubted: spokenOf,
      };
    },
    look: async (wanted, until) => outside.github.look(repository, wanted, until),
    retryAt: retryAtOf,
    publish: system.observe.bind(system),
    pause: async (ms, until) => pause(clock, ms, until),
    everyMs: settings.probes.scmMs,
    now: () => clock.now(),
    signal,
    onFailure: trouble,
  });
  unfollow();
  if (bells.get(project) === ours) bells.delete(project);
}
