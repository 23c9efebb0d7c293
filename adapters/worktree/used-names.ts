import { git } from "../git/git.ts";

/** The highest n of `<project>-<n>` and of `<project>-o<n>` that a repository has seen, 0 for none. */
export interface UsedNumbers {
  readonly lastSession: number;
  readonly lastObjective: number;
}

// Where the work of sessions is left: their branches, here and at origin, and what they had not committed.
const PLACES = ["refs/heads/ao", "refs/remotes/origin/ao", "refs/ao/preserved"];

/**
 * What sessions of a project, in whichever data directory, have left in a repository. A session of the same name would
 * begin with the commits of that one, and what is kept of it would take the place of what is kept there.
 * Fails with GIT_FAILED.
 */
export async function usedNumbers(
  root: string,
  projectId: string,
  signal?: AbortSignal,
): Promise<UsedNumbers> {
  const call = { cwd: root, signal };
  const refs = await git(["for-each-ref", "--format=%(refname)", ...PLACES], call);
  const name = new RegExp(`^${projectId}-(?:(\\d{1,9})|o(\\d{1,9})(?:-[mw]\\d+)?)(?:/|$)`);
  const found = refs.split("\n").map((ref) => {
    const place = PLACES.find((each) => ref.startsWith(`${each}/`)) ?? ref;
    const [, session, objective] = name.exec(ref.slice(place.length + 1)) ?? [];
    return { session: Number(session ?? 0), objective: Number(objective ?? 0) };
  });
  return {
    lastSession: Math.max(...found.map(({ session }) => session)),
    lastObjective: Math.max(...found.map(({ objective }) => objective)),
  };
}
