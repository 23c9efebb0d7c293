/** An actor at one step; `isLast` while what is wanted is how it stands now. */
export interface Step {
  readonly path: string;
  readonly seq: number;
  readonly isLast: boolean;
}

/**
 * Whether the answer to what was asked is still to be drawn. What was asked of a busy actor is although a step overtook
 * it, else nothing would be until it rests; but never over a newer step.
 */
export function isDue(asked: Step, wanted: Step, drawn: Step | undefined): boolean {
  if (wanted.path !== asked.path) return false;
  if (!asked.isLast) return wanted.seq === asked.seq;
  const isOlder = drawn?.path === asked.path && drawn.isLast && drawn.seq > asked.seq;
  return wanted.isLast && !isOlder;
}
