import { createHash } from "node:crypto";
import { join } from "node:path";
import { git, type GitCall } from "../git/git.ts";
import { exists } from "./place.ts";

// Review pins
//
// Names in the project's repository for the commits that the checkouts of reviewers borrow from it:
// `refs/ao/reviews/<home>/<project>/<reviewer>/<epoch>/<run>/{head,base}`.
//
//   RP1. As long as a checkout stands, or is being made, what it shows has a name: no `git gc` of whomever takes the objects
//        away, though the commit was fetched for it alone, or its branch was deleted or forced.
//   RP2. A name whose checkout is gone goes with the next compaction. Those of other data folders are not looked at.

const ROOT = "refs/ao/reviews";
/** A checkout, as its names have it: project, reviewer, epoch and run. */
type Checkout = readonly [projectId: string, reviewer: string, epoch: string, runId: string];

function rootOf(home: string): string {
  return `${ROOT}/${createHash("sha256").update(home).digest("hex").slice(0, 12)}`;
}

/** Names what a checkout shows (RP1). Fails as `git` does, also when a commit went meanwhile. */
export async function pinReview(
  { home, checkout }: { readonly home: string; readonly checkout: Checkout },
  commits: { readonly head: string | null; readonly base: string | null },
  call: GitCall,
): Promise<void> {
  for (const [what, sha] of Object.entries(commits)) {
    if (sha === null) continue;
    const ref = [rootOf(home), ...checkout, what].join("/");
    // oxlint-disable-next-line no-await-in-loop -- two refs of one repository
    await git(["update-ref", ref, sha], call);
  }
}

/** Forgets the names whose checkouts are gone (RP2). */
export async function forgetReviews(home: string, call: GitCall): Promise<void> {
  const root = rootOf(home);
  const refs = await git(["for-each-ref", "--format=%(refname)", root], call);
  for (const ref of refs.split("\n").filter((each) => each !== "")) {
    const checkout = ref
      .slice(root.length + 1)
      .split("/")
      .slice(0, -1);
    const path = join(home, "reviews", ...checkout);
    // One that is being made gets its place by a rename: it is looked for under that name first.
    // oxlint-disable-next-line no-await-in-loop -- one after the other is gentle on the disk
    const isThere = (await exists(`${path}.making`)) || (await exists(path));
    // oxlint-disable-next-line no-await-in-loop
    if (!isThere) await git(["update-ref", "-d", ref], call);
  }
}
