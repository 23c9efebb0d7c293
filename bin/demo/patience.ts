// Demo patience
//
// How long something is waited for. A busy machine is slow, so it is not the time alone that counts: as long as the job
// goes on, it is waited for.

/** After so long without a step nothing is expected any more; a job that runs well makes one every few seconds. */
const STALL_MS = 50_000;
/** Whatever goes on: actors that only go round in circles shall not be watched for ever. */
const MOST_MS = 600_000;

/**
 * Why it is not waited for any longer; undefined while it is. All times in milliseconds since 1970.
 * `movedAt`: when anything of the job went on last.
 */
export function givenUp(times: {
  readonly startedAt: number;
  readonly movedAt: number;
  readonly now: number;
}): string | undefined {
  const { startedAt, movedAt, now } = times;
  if (now - Math.max(startedAt, movedAt) > STALL_MS) return `no step for ${STALL_MS / 1_000} s`;
  return now - startedAt > MOST_MS ? `not within ${MOST_MS / 1_000} s` : undefined;
}
