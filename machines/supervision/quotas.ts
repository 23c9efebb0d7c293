import type { Quota } from "./slots.ts";

// Quotas
//
// The limits that harnesses have reached, each harness once.

const MOST = 64;

/** The limits with a newer word of one harness. */
export function withQuota(quotas: readonly Quota[], quota: Quota): readonly Quota[] {
  const others = quotas.filter(({ harness }) => harness !== quota.harness);
  return [...others, quota].slice(-MOST);
}

/** The limits without that of a harness; where a time is named, only if it is that one. */
export function withoutQuota(
  quotas: readonly Quota[],
  { harness, until }: { readonly harness: string; readonly until?: number | undefined },
): readonly Quota[] {
  const isGone = (quota: Quota): boolean =>
    quota.harness === harness && (until === undefined || quota.until === until);
  return quotas.filter((quota) => !isGone(quota));
}
