import type { FailureCode } from "../failures.ts";
import type { Submission } from "./protocol.ts";

// Review shapes
//
// What can be said of a submission without its review: the command line says it too, before it keeps one for later.

export type Refusal = { readonly code: FailureCode; readonly message: string };

const VERDICTS: ReadonlySet<string> = new Set(["approved", "changes_requested"]);

/** What is wrong with results whatever is kept of their runs. */
export function shapesRefusal(reviews: readonly Submission[], tried: string): Refusal | undefined {
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

function shapeRefusal({ runId, verdict, body }: Submission, where: string): Refusal | undefined {
  if (runId === "") return invalid(`${where}: a run id is required`);
  if (!VERDICTS.has(verdict)) {
    return invalid(`${where}: verdict "${verdict}" is neither approved nor changes_requested`);
  }
  const isBare = verdict === "changes_requested" && body.trim() === "";
  return isBare ? invalid(`${where}: changes_requested needs a body`) : undefined;
}

export function invalid(message: string): Refusal {
  return { code: "REVIEW_INVALID", message };
}
