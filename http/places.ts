import { z } from "zod";

// Places
//
// A place in a stream of events is a global sequence, and the `id` of an event (contract §3). After a backup was restored
// the same number is another step: a reader that also says of which store its number is hears that it missed some
// (decision 35).
//
//   PL1. Every stream names its store in a header. Whoever resumes with `store=` of another one is told, and begins at
//        the end.

/** The header that names the generation of the store. */
export const STORE_HEADER = "ao-store";

/** `store=`: the generation of the store that a place is of. */
export const StoreName = z.string().max(64);
