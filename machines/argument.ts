import { z } from "zod";

/** A text that a program can be given, as an argument or in its environment: it ends at a NUL for every system. */
export function argument(maxLength: number, minLength = 1): z.ZodString {
  return z
    .string()
    .min(minLength)
    .max(maxLength)
    .regex(/^[^\0]*$/, "no program can be given a NUL");
}
