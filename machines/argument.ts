import { z } from "zod";

/** A text that a program can be given, as an argument or in its environment: it ends at a NUL for every system. */
export function argument(maxLength: number, minLength = 1): z.ZodString {
  return z
    .string()
    .min(minLength)
    .max(maxLength)
    .regex(/^[^\0]*$/, "no program can be given a NUL");
}

/** The argv of a program; a single text is given to the shell. */
export const Command = z.union([z.array(argument(1_048_576)).min(1).max(256), argument(16_384)]);
export type Command = z.infer<typeof Command>;
