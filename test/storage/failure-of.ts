import { Failure } from "../../machines/failures.ts";

/** The failure that a call throws, as `CODE message`; fails when it throws none. */
export function failureOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error("nothing was thrown");
}
