import type { ReviewRunView, ReviewsView } from "../../http/review/view.ts";
import { Failure } from "../../machines/failures.ts";
import type { Submission } from "../../machines/review/protocol.ts";
import { shapesRefusal } from "../../machines/review/shapes.ts";
import { ask, look, part } from "../cli/api.ts";
import { isWaiting, type WaitOptions } from "../cli/declaration.ts";
import { EXIT } from "../cli/exit.ts";
import { offerOrSpool } from "../cli/offer.ts";
import { eachOf, type Orders } from "../cli/several.ts";
import { textOfFile } from "../cli/text-file.ts";
import { age, print, printable, table, type Output } from "../cli/output.ts";

type Triggered = ReviewsView & {
  readonly created: boolean;
  readonly batchId: string | null;
  readonly skipped: readonly { readonly prUrl: string; readonly reason: string }[];
};

export interface TriggerOptions extends WaitOptions {
  readonly session?: string;
  readonly harness?: string;
  readonly force?: boolean;
}

/** Asks for reviews of what needs them; the answer is the exit code. */
export async function triggerReview(
  output: Output,
  given: string | undefined,
  { session: named, harness, force, ...options }: TriggerOptions,
): Promise<number> {
  const session = sessionOf(given, { ...(named !== undefined && { session: named }) });
  const trigger = async (): Promise<Triggered> =>
    ask("POST", `${reviews(session)}/trigger`, { body: { harness, force } });
  if (!isWaiting(options)) {
    const answer = await trigger();
    print(output, answer, (facts) => triggered(session, facts, "reused the existing review for"));
    return EXIT.done;
  }
  let asked: readonly string[] = [];
  const ofThese = ({ runs }: ReviewsView): ReviewRunView[] =>
    runs.filter(({ id }) => asked.includes(id));
  const orders: Orders<ReviewsView> = {
    command: "ao review trigger",
    async run() {
      const answer = await trigger();
      asked = answer.runs.filter((run) => isOf(answer, run)).map(({ id }) => id);
      return answer;
    },
    line: (facts) => ofThese(facts).map(runLine).join("\n") || `nothing to review for ${session}`,
    outcome: () => ({
      name: `the review of ${session}`,
      address: `review/${session}`,
      next: `ao review ls ${session}`,
      async look(signal) {
        const fact = await look<ReviewsView>(reviews(session), signal);
        const states = ofThese(fact).map(({ status }) => status);
        const is = states.some((state) => ENDED_BADLY.has(state)) ? "failed" : "reached";
        return { fact, is: states.some(isUnderWay) ? "open" : is, words: states.join(", ") };
      },
    }),
  };
  return eachOf(output, [session], orders, options);
}

const ENDED_BADLY: ReadonlySet<string> = new Set(["failed", "cancelled"]);

function isUnderWay(status: string): boolean {
  return status === "queued" || status === "running";
}

/** Whether a run is one that a trigger made, or found under way. */
function isOf({ created, batchId }: Triggered, run: ReviewRunView): boolean {
  return created ? run.batchId === batchId : isUnderWay(run.status);
}

function runLine({ id, status, verdict, failReason, prUrl }: ReviewRunView): string {
  const what = verdict === "" ? (failReason ?? status) : verdict;
  return printable(`${id} ${what.replaceAll("_", " ")}  ${prUrl}`);
}

/** Ends the reviewer and begins its open runs anew. */
export async function restartReview(
  output: Output,
  given: string | undefined,
  options: { session?: string },
): Promise<void> {
  const session = sessionOf(given, options);
  const answer = await ask<Triggered>("POST", `${reviews(session)}/restart`, { body: {} });
  // Open runs are begun anew, all of them; only where there is none is a head skipped.
  const done = answer.skipped.length === 0 ? "restarted the review for" : "restarted nothing for";
  print(output, answer, (facts) => triggered(session, facts, done));
}

function triggered(
  session: string,
  { created, runs, batchId, skipped }: Triggered,
  otherwise: string,
): string {
  const made = runs.filter((run) => run.batchId === batchId).toReversed();
  const news = made.map((run) => `  ${run.id}  ${run.prUrl}  ${run.targetSha.slice(0, 12)}`);
  const kept = skipped.map(({ prUrl, reason }) => `  ${prUrl}: ${reason}`);
  const head = created ? "started a new review for" : otherwise;
  return [`${head} ${session}`, ...(created ? news : []), ...kept].join("\n");
}

/** What each pull request needs, and why. */
export async function listReviews(output: Output, session: string): Promise<void> {
  const answer = await ask<ReviewsView>("GET", reviews(session));
  print(output, answer, (facts) => {
    if (facts.reviews.length === 0) return `No reviews found for ${session}.`;
    const now = Date.now();
    return table(
      output,
      ["pr", "status", "verdict", "age", "why", "title"],
      facts.reviews.map(({ prNumber, title, status, reason, latestRun, autoReview }) => [
        prNumber === 0 ? "branch" : `#${prNumber}`,
        status,
        latestRun?.verdict === undefined || latestRun.verdict === "" ? "-" : latestRun.verdict,
        latestRun === undefined ? "-" : age(latestRun.createdAt, now),
        reason ?? whyOf(latestRun) ?? autoReview?.decision ?? "-",
        title,
      ]),
    );
  });
}

function whyOf(run: ReviewRunView | undefined): string | undefined {
  if (run === undefined) return undefined;
  const { status, failReason, retryReason, delivery, attempt, tree } = run;
  // Whatever it said: it did not look at the commit alone, so its verdict counts for nothing.
  if (tree === "changed") return "tree_changed";
  const reason = failReason ?? retryReason;
  if (reason !== undefined) return attempt > 1 ? `${reason} (attempt ${attempt})` : reason;
  if (delivery.state === "none") return status;
  return delivery.reason === undefined ? delivery.state : `${delivery.state}: ${delivery.reason}`;
}

/** Ends every open run of a session, and the reviewers that have them. */
export async function cancelReview(
  output: Output,
  given: string | undefined,
  options: { session?: string },
): Promise<void> {
  const session = sessionOf(given, options);
  const answer = await ask<{ runIds: string[] }>("POST", `${reviews(session)}/cancel`, {
    body: {},
  });
  print(output, answer, ({ runIds }) =>
    runIds.length === 0
      ? `nothing to cancel for ${session}`
      : `cancelled review for ${session}: ${runIds.join(", ")}`,
  );
}

export interface SubmitOptions {
  readonly session?: string;
  readonly run?: string;
  readonly verdict?: string;
  readonly body?: string;
  readonly providerId?: string;
  /** Older names of `providerId`. */
  readonly reviewId?: string;
  readonly review_id?: string;
  readonly reviews?: string;
  readonly token?: string;
}

/** Records what a reviewer found; spooled when the daemon cannot take it. */
export async function submitReview(
  output: Output,
  given: string | undefined,
  options: SubmitOptions,
): Promise<number> {
  const session = sessionOf(given, options);
  const token = options.token ?? process.env["AO_TOKEN"];
  if (token === undefined || token === "") {
    throw usage(
      "submit a review without the token of its reviewer: give --token; a person decides with ao pr merge, or says with ao send what to mend",
    );
  }
  const results = await resultsOf(options);
  // What no daemon would take must not be kept for one: its reviewer would go, and nobody would hear of it.
  const wrong = shapesRefusal(results.map(submissionOf), `submit to the review of ${session}`);
  if (wrong !== undefined) throw new Failure(wrong.code, wrong.message);
  const data =
    options.reviews === undefined ? { ...results[0], token } : { reviews: results, token };
  const offered = await offerOrSpool(process.env, {
    path: `${reviews(session)}/submit`,
    body: data,
    message: (id, at) => ({
      type: "submission",
      id,
      at,
      to: session,
      data: { reviews: results, token },
    }),
  });
  if (offered.type === "answered") {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
    const { reviews: stored } = offered.answer as { reviews: ReviewRunView[] };
    checkTaken(session, results, stored);
    print(output, offered.answer, () =>
      options.reviews === undefined
        ? `recorded ${results[0]?.verdict} review for ${session}`
        : `recorded ${results.length} review(s) for ${session}`,
    );
    return EXIT.done;
  }
  print(
    output,
    { queued: offered.file },
    () => "the daemon cannot take it now: the review is kept until it can",
  );
  return EXIT.queued;
}

/** A result that was delivered stays what it is: who says something else after that must hear that it does not count. */
function checkTaken(
  session: string,
  results: readonly Result[],
  stored: readonly ReviewRunView[],
): void {
  const other = stored.find(({ id, verdict }) =>
    results.some((result) => result.runId === id && result.verdict !== verdict),
  );
  if (other === undefined) return;
  const { id, verdict } = other;
  throw new Failure(
    "REVIEW_INVALID",
    `submit to the review of ${session}: run ${id} keeps its result, ${verdict}, which was delivered`,
  );
}

const NAMES = ["runId", "verdict", "body", "providerReviewId"] as const;
type Result = { readonly [Name in (typeof NAMES)[number]]?: string };

function submissionOf(result: Result): Submission {
  return { runId: "", verdict: "", body: "", providerReviewId: "", ...result };
}

async function resultsOf(options: SubmitOptions): Promise<Result[]> {
  const { run, verdict, body, reviews: file } = options;
  const providerId = options.providerId ?? options.reviewId ?? options.review_id;
  const isSingle = [run, verdict, body, providerId].some((given) => given !== undefined);
  if (file !== undefined) {
    if (isSingle) {
      throw usage(
        "submit reviews: --reviews stands alone, without --run, --verdict, --body, --provider-id",
      );
    }
    return listOf(await textOfFile(file === "_" ? "-" : file));
  }
  if (run === undefined) throw usage("submit a review of no run: give --run");
  if (verdict === undefined) throw usage("submit a review without a verdict: give --verdict");
  return [
    {
      runId: run,
      verdict,
      ...(body !== undefined && { body: await textOfFile(body === "_" ? "-" : body) }),
      ...(providerId !== undefined && { providerReviewId: providerId }),
    },
  ];
}

function listOf(text: string): Result[] {
  const parsed = parse(text);
  const list = Array.isArray(parsed) ? (parsed as unknown[]) : memberOf(parsed, "reviews");
  if (!Array.isArray(list) || list.length === 0) {
    throw usage('submit reviews: expected {"reviews":[…]} with at least one result');
  }
  return list.map(resultOf);
}

/** One result of a list. What a daemon would refuse is refused here, too: there may be none to ask. */
function resultOf(said: unknown): Result {
  if (typeof said !== "object" || said === null) {
    throw usage("submit reviews: a result is no object");
  }
  const entries = Object.entries(said).map(([name, value]: [string, unknown]): [string, string] => {
    const isKnown = [...NAMES, "githubReviewId"].includes(name);
    if (isKnown && typeof value === "string") {
      return [name === "githubReviewId" ? "providerReviewId" : name, value];
    }
    throw usage(`submit reviews: ${name} ${isKnown ? "is no text" : "is nothing of a result"}`);
  });
  return Object.fromEntries<string>(entries);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw usage("submit reviews: what --reviews names is not JSON", cause);
  }
}

function sessionOf(given: string | undefined, { session }: { session?: string }): string {
  const id = given ?? session;
  if (id !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(id)) return id;
  throw usage("which session? name it, or give --session");
}

function usage(message: string, cause?: unknown): Failure {
  return new Failure("MALFORMED", message, { cause });
}

function reviews(session: string): string {
  return `/sessions/${part(session)}/reviews`;
}
