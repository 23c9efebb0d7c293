import { z } from "zod";
import type { Repository } from "./client.ts";

/** The data of an answer, also where a number that was asked for is no pull request. */
export async function ask(
  { owner, name, octokit }: Repository,
  query: string,
  { signal, ...variables }: Record<string, unknown> & { signal: AbortSignal },
): Promise<unknown> {
  try {
    return await octokit.graphql(query, { ...variables, owner, name, request: { signal } });
  } catch (error) {
    const partial = Partial.safeParse(error).data;
    if (partial === undefined) throw error;
    return partial.data;
  }
}

const Partial = z.object({
  errors: z.array(z.object({ type: z.literal("NOT_FOUND") })).min(1),
  data: z.object({ repository: z.object({}).loose() }).loose(),
});
