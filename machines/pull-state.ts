import { z } from "zod";

/** Where a pull request stands, whichever forge keeps it. */
export const PullState = z.enum(["draft", "open", "merged", "closed"]);
export type PullState = z.infer<typeof PullState>;

/** Whether it is neither merged nor closed: a draft is open too. */
export function isOpenPull({ state }: { readonly state: PullState }): boolean {
  return state === "open" || state === "draft";
}
