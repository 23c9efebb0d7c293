import { Failure } from "../../machines/failures.ts";
import { KINDS } from "../../machines/ids.ts";
import { nearest } from "../../machines/nearest.ts";
import { ask, part } from "./api.ts";

// The kinds whose ids people know; no two of them are called alike.
const CALLED = ["session", "objective", "question", "project"] as const;

/**
 * The address in a word: as it is, or that of whoever is called so. Fails with MALFORMED for what is none, and with
 * ACTOR_UNKNOWN for an id that nobody has.
 */
export async function addressIn(word: string): Promise<string> {
  const [kind = "", id = "", ...rest] = word.split("/");
  if (kind !== "" && !word.includes("/")) return called(word);
  const meant = KINDS.some((each) => each === kind) ? undefined : nearest(kind, KINDS);
  if (kind !== "" && id !== "" && rest.length === 0 && meant === undefined) return word;
  const hint = meant === undefined ? "" : `did you mean ${[meant, id, ...rest].join("/")}? `;
  throw new Failure(
    "MALFORMED",
    `read ${word}: ${hint}an address is kind/id, for example session/app-1`,
  );
}

/** The path of an actor. Fails as `addressIn`. */
export async function actorPath(word: string): Promise<string> {
  const address = await addressIn(word);
  return `/actors/${address.split("/").map(part).join("/")}`;
}

async function called(id: string): Promise<string> {
  for (const kind of CALLED) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- the first that is there
      await ask("GET", `/actors/${kind}/${part(id)}`);
      return `${kind}/${id}`;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "ACTOR_UNKNOWN") throw error;
    }
  }
  throw new Failure("ACTOR_UNKNOWN", `there is no ${CALLED.join(", ")} called ${id}`);
}
