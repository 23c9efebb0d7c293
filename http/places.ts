import { z } from "zod";

// Places
//
// The `id` of an event: the generation of the store and the global sequence in it (decision 35). A number alone would be
// taken for one of this store after a backup was restored, and what came instead would be missed in silence.
//
//   PL1. An id of another generation is no place here: whoever resumes after it is told, and begins at the end.
//   PL2. The generation without a name, of stores from before there were any, has ids that are numbers alone.

/** `Last-Event-ID`, as an event or the beginning of a stream named it. */
export const EventId = z
  .string()
  .regex(/^(?:[\w-]{1,64}\.)?\d{1,16}$/, "expected the id of an event");

/** The id of an event. */
export function placeOf(generation: string, globalSeq: number): string {
  return generation === "" ? String(globalSeq) : `${generation}.${globalSeq}`;
}

/** The global sequence that an id stands for; undefined when it is of another generation. */
export function sequenceIn(generation: string, id: string): number | undefined {
  const dot = id.lastIndexOf(".");
  return id.slice(0, Math.max(dot, 0)) === generation ? Number(id.slice(dot + 1)) : undefined;
}
