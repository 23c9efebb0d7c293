import { z } from "zod";
import { addressOf, splitAddress } from "../machines/ids.ts";
import type { PullRequestFacts } from "../machines/observations.ts";
import { isOpenPull } from "../machines/pull-state.ts";
import type { App, Edge } from "./edge.ts";
import { pullsOf } from "./pulls.ts";
import { NoQuery, PullView } from "./schemas.ts";
import type { SessionView } from "./session/view.ts";
import { stateOf } from "./stored-state.ts";
import type { ActorSummary } from "./views.ts";

// Open pulls
//
// The pull requests that are open, of all projects, as a person goes through them: what can be merged, what is in the
// way of the others, and who works on each.
//
//   L1. Each is told once: by the forge of its project, else by the session whose work it is.
//   L2. What is in its way is one thing, the first that somebody must do something about.

/** More are seldom open, and the page is read every few seconds. */
const MOST = 1_000;

const OpenPull = z.object({
  projectId: z.string(),
  ...PullView.pick({
    number: true,
    title: true,
    url: true,
    headRef: true,
    baseRef: true,
    reviewDecision: true,
    mergeable: true,
    updatedAt: true,
  }).shape,
  checks: PullView.shape.ci.shape.state,
  /** The pull request on whose head this one is built. */
  stackedOn: z.number().nullable(),
  /** Whose work it is, and how that session stands. */
  session: z.object({ id: z.string(), status: z.string() }).nullable(),
  stage: z.enum(["ready", "blocked", "waits"]),
  /** How it stands, in a word. */
  status: z.string(),
  /** What is in its way, or what it waits for; empty when the word says it. */
  reason: z.string(),
});
type OpenPull = z.infer<typeof OpenPull>;

/** `GET /pulls`. */
export function openPullRoutes(app: App, edge: Edge): void {
  app.get(
    "/pulls",
    {
      schema: {
        tags: ["pulls"],
        summary: "Open pull requests of all projects, with what is in the way of each",
        querystring: NoQuery,
        response: { 200: z.object({ pulls: z.array(OpenPull) }) },
      },
    },
    () => ({ pulls: openPulls(edge).slice(0, MOST) }),
  );
}

/** What is known of one, wherever it is kept. */
export interface KnownPull extends Pick<
  PullRequestFacts,
  "number" | "title" | "url" | "headRef" | "baseRef" | "reviewDecision" | "mergeable" | "updatedAt"
> {
  readonly projectId: string;
  readonly state: PullRequestFacts["state"];
  readonly ci: PullRequestFacts["ci"];
  readonly session: { readonly id: string; readonly status: string } | null;
  readonly isMerging: boolean;
  /** What could not be done with it last; may be empty. */
  readonly trouble: string;
  /** A reviewer has it in hand. */
  readonly isReviewed: boolean;
}

function openPulls(edge: Edge): OpenPull[] {
  const known = new Map<string, KnownPull>();
  const reading = readingIn(edge);
  const note = (pull: Omit<KnownPull, "isReviewed">): void => {
    const { url, session } = pull;
    if (known.has(url) || !isOpenPull(pull)) return;
    known.set(url, { ...pull, isReviewed: session !== null && reading(session.id).has(url) });
  };
  for (const { address } of edge.views.list({ kind: "forge", limit: MOST })) {
    const projectId = splitAddress(address).id;
    for (const pull of pullsOf(edge, projectId).pulls.filter(isOpenPull)) {
      const session = pull.session === undefined ? null : whoIs(edge, pull.session);
      const trouble = pull.trouble?.message ?? "";
      note({ ...pull, projectId, session, trouble, isMerging: pull.merging });
    }
  }
  for (const { id, projectId, status, prs } of sessionsWithPulls(edge)) {
    for (const pull of prs) {
      note({ ...pull, projectId, session: { id, status }, trouble: "", isMerging: false });
    }
  }
  return linesOf([...known.values()]);
}

function sessionsWithPulls({ views, sessions }: Edge): SessionView[] {
  return sessions.all(views.list({ kind: "session", limit: MOST, where: hasPull }));
}

function hasPull({ states }: ActorSummary): boolean {
  return states.some((path) => /^pr\.(open|draft)\b/.test(path));
}

/** A session as it stands; one that is not there any more works on nothing. */
function whoIs(edge: Edge, id: string): KnownPull["session"] {
  const address = addressOf("session", id);
  if (edge.system.snapshot(address) === undefined) return null;
  return { id, status: edge.sessions.one(address).status };
}

const Runs = z.object({
  runs: z.array(z.object({ state: z.string(), subject: z.object({ url: z.string() }) })),
});

/** Addresses of the pull requests of a session that a reviewer reads now. */
function readingIn({ views, system }: Edge): (session: string) => ReadonlySet<string> {
  const reviews = views.list({ kind: "review", limit: MOST, where: isReading });
  const found = new Map(
    reviews.map(({ address }) => {
      const row = system.snapshot(address);
      const { runs = [] } = Runs.safeParse(row && stateOf(row).context).data ?? {};
      const inHand = runs.filter(({ state }) => state === "launching" || state === "running");
      return [address, new Set(inHand.map(({ subject }) => subject.url))];
    }),
  );
  return (session) => found.get(addressOf("review", session)) ?? NONE;
}

function isReading({ states }: ActorSummary): boolean {
  return states.some((path) => /^run\.(launching|running)\b/.test(path));
}

const NONE: ReadonlySet<string> = new Set();

/** All that are open, each with what is in its way. */
export function linesOf(pulls: readonly KnownPull[]): OpenPull[] {
  const byHead = new Map(pulls.map((pull) => [`${pull.projectId} ${pull.headRef}`, pull]));
  return pulls.map((pull) => lineOf(pull, byHead.get(`${pull.projectId} ${pull.baseRef}`)));
}

/** `below` is the one on whose head it is built. */
function lineOf(pull: KnownPull, below: KnownPull | undefined): OpenPull {
  const { projectId, number, title, url, headRef, baseRef, session } = pull;
  const { reviewDecision, mergeable, updatedAt, ci } = pull;
  return {
    projectId,
    number,
    title,
    url,
    headRef,
    baseRef,
    reviewDecision,
    mergeable,
    updatedAt,
    checks: ci.state,
    stackedOn: below?.number ?? null,
    session,
    ...standingOf(pull, below),
  };
}

type Standing = Pick<OpenPull, "stage" | "status" | "reason">;

/** What is in its way (L2). */
function standingOf(pull: KnownPull, below: KnownPull | undefined): Standing {
  if (pull.isMerging) return { stage: "waits", status: "merging", reason: "" };
  const blocked = blockOf(pull);
  if (blocked !== undefined) return { stage: "blocked", ...blocked };
  const waits = waitOf(pull, below);
  if (waits !== undefined) return { stage: "waits", ...waits };
  const reason = pull.reviewDecision === "approved" ? "approved" : "no review is owed";
  return { stage: "ready", status: "mergeable", reason };
}

type Said = Omit<Standing, "stage">;

function blockOf(pull: KnownPull): Said | undefined {
  const { trouble, mergeable, baseRef, ci, reviewDecision } = pull;
  if (mergeable === false) return { status: "conflict", reason: `with ${baseRef}` };
  if (ci.state === "failing") {
    return { status: "ci_failed", reason: (ci.failing ?? []).map(({ name }) => name).join(", ") };
  }
  if (reviewDecision === "changes_requested") return { status: "changes_requested", reason: "" };
  return trouble === "" ? undefined : { status: "failed", reason: trouble };
}

function waitOf(pull: KnownPull, below: KnownPull | undefined): Said | undefined {
  if (pull.state === "draft") return { status: "draft", reason: "" };
  if (pull.isReviewed) return { status: "in_review", reason: "a reviewer reads it" };
  if (pull.ci.state === "pending") return { status: "ci_running", reason: "" };
  if (pull.reviewDecision === "required") {
    return { status: "review_pending", reason: "nobody reviewed its head" };
  }
  if (below !== undefined) return { status: "stacked", reason: `#${below.number} comes first` };
  if (pull.mergeable !== null) return undefined;
  return { status: "unknown", reason: "whether it conflicts is not known yet" };
}
