import { z } from "zod";
import { OBSERVED_TEXT } from "../../machines/forge/pulls.ts";
import type { FollowedPull } from "../../machines/observations.ts";

// Comments at GitHub
//
// What was said of a pull request, and what of it is news for its agent.
//
//   C1. Agents write under their person's account, and what they say there must not be told to them. So of what the account
//       of the pull request, or ours, says below it or answers in a thread, only what begins with `/ao` counts. What others
//       say counts, and so does what begins a thread on a line, whoever wrote it.
//   C2. Only a thread can be resolved there. Other words are answered once the branch moved after them or one of those
//       accounts said something, those of a program at once: they are told still, but hold up nothing.

type Comment = FollowedPull["comments"][number];

export const Actor = z
  .object({ kind: z.string(), login: z.string() })
  // A deleted account.
  .nullish()
  .transform((actor) => actor ?? { kind: "User", login: "ghost" });
/** GitHub leaves out, as null, what it could not find just then. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.array(item.nullable()).transform((all) => all.filter((each) => each !== null));
}

export const Said = z.object({
  id: z.string(),
  body: z.string(),
  url: z.string(),
  createdAt: z.string().transform(Date.parse),
  author: Actor,
});
type Said = z.infer<typeof Said>;

export const Threads = z.object({
  pageInfo: z.object({ hasPreviousPage: z.boolean(), startCursor: z.string().nullish() }),
  nodes: listOf(
    z.object({
      isResolved: z.boolean(),
      path: z.string(),
      line: z.number().nullish(),
      begun: z.object({ nodes: listOf(Said) }),
      comments: z.object({ nodes: listOf(Said) }),
    }),
  ),
});
type Threads = z.infer<typeof Threads>;

/** What GitHub answers to `EARLIER_THREADS`. */
export const EarlierThreads = z.object({
  repository: z.object({ pullRequest: z.object({ reviewThreads: Threads }) }),
});

/** All that was said of a pull request. */
export interface AllSaid {
  readonly below: readonly Said[];
  readonly threads: Threads;
  /** When its head was made, milliseconds since 1970. */
  readonly movedAt: number;
}

/** What counts of it; `ours` are the accounts of its agent (C1, C2). */
export function commentsOf(
  { below, threads, movedAt }: AllSaid,
  ours: ReadonlySet<string>,
): Comment[] {
  const said = below.filter(({ body }) => body.trim() !== "");
  const answers = said.filter((each) => !isHeard(each, ours));
  const answeredAt = Math.max(movedAt, ...answers.map(({ createdAt }) => createdAt));
  const heard = said
    .filter((each) => isHeard(each, ours))
    .map((each) => {
      const comment = commentOf(each, false);
      const isAnswered = comment.isBot || each.createdAt < answeredAt;
      return isAnswered ? { ...comment, isAnswered } : comment;
    });
  return [...heard, ...threadComments(threads, ours)];
}

/** What counts of threads on lines: who began it, and the answers of others (C1). */
export function threadComments({ nodes }: Threads, ours: ReadonlySet<string>): Comment[] {
  return nodes.flatMap(({ isResolved, path, line, begun, comments }) => {
    const first = begun.nodes.slice(0, 1);
    const answers = comments.nodes.filter(
      (said) => said.id !== first[0]?.id && isHeard(said, ours),
    );
    return [...first, ...answers].map((said) => ({
      ...commentOf(said, isResolved),
      path: path.slice(0, 1_024),
      ...(typeof line === "number" && { line }),
    }));
  });
}

function isHeard({ author, body }: Said, ours: ReadonlySet<string>): boolean {
  return !ours.has(author.login) || /^\s*\/ao\b/i.test(body);
}

function commentOf({ id, body, url, author }: Said, resolved: boolean): Comment {
  return {
    id: id.slice(0, 256),
    author: author.login,
    isBot: author.kind === "Bot",
    body: body.slice(0, OBSERVED_TEXT),
    url: url.slice(0, 2_000),
    resolved,
  };
}

/** With those first that are settled, then the answered ones: they are left out before the others are. */
export function openLast(comments: readonly Comment[]): Comment[] {
  const rank = ({ resolved, isAnswered }: Comment): number =>
    resolved ? 0 : isAnswered === true ? 1 : 2;
  return comments.toSorted((one, other) => rank(one) - rank(other));
}
