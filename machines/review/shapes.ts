import type { FailureCode } from "../failures.ts";

// Review shapes
//
// What can be said of a submission without its review: the command line says it too, before it keeps one for later.

/** One result, as far as its shape goes. */
type Said = { readonly runId: string; readonly verdict: string; readonly body: string };

export type Refusal = { readonly code: FailureCode; readonly message: string };

/** Characters that a result may have. */
export const MOST_BODY = 1_000_000;
const VERDICTS: ReadonlySet<string> = new Set(["approved", "changes_requested"]);

/** What is wrong with results whatever is kept of their runs. */
export function shapesRefusal(reviews: readonly Said[], tried: string): Refusal | undefined {
  if (reviews.length === 0) return invalid(`${tried}: a run id is required`);
  const seen = new Set<string>();
  for (const [index, review] of reviews.entries()) {
    const where = `${tried}: reviews[${index}]`;
    if (seen.has(review.runId)) return invalid(`${where}: run ${review.runId} is named twice`);
    seen.add(review.runId);
    const refusal = shapeRefusal(review, where);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function shapeRefusal({ runId, verdict, body }: Said, where: string): Refusal | undefined {
  if (runId === "") return invalid(`${where}: a run id is required`);
  if (!VERDICTS.has(verdict)) {
    return invalid(`${where}: verdict "${verdict}" is neither approved nor changes_requested`);
  }
  if (body.length > MOST_BODY) {
    return invalid(`${where}: its body is longer than ${MOST_BODY} characters`);
  }
  const isBare = verdict === "changes_requested" && body.trim() === "";
  return isBare ? invalid(`${where}: changes_requested needs a body`) : undefined;
}

export function invalid(message: string): Refusal {
  return { code: "REVIEW_INVALID", message };
}
