import { Failure } from "../../machines/failures.ts";
import { KINDS, type KindName } from "../../machines/ids.ts";
import { nearest } from "../../machines/nearest.ts";

// Names
//
// What a word of the command line names. Whoever copies from a journal has `session/app-1`, whoever from a list `app-1`:
// a command that takes one takes the other.

/** The kind of actor that arguments and options of this name are the id of. */
export const KIND_OF: Readonly<Record<string, KindName>> = {
  session: "session",
  worker: "session",
  terminal: "terminal",
  objective: "objective",
  question: "question",
  project: "project",
};

/** `--project <id>` is of the kind that it is called, `--after <worker>` of what it takes; undefined for other words. */
export function kindOfFlags(flags: string): KindName | undefined {
  const [, placeholder = ""] = /[<[](\w+)/.exec(flags) ?? [];
  const [, name = ""] = /--([\w-]+)/.exec(flags) ?? [];
  return KIND_OF[placeholder === "id" ? name : placeholder];
}

/** The id in a word that is one, or an address of its kind. Fails with MALFORMED for an address of another kind. */
export function idOf(kind: KindName, word: string): string {
  const cut = word.indexOf("/");
  if (cut === -1) return word;
  const [given, id] = [word.slice(0, cut), word.slice(cut + 1)];
  // The terminal of a session is called like it.
  const isFitting = given === kind || (kind === "terminal" && given === "session");
  if (isFitting && id !== "" && !id.includes("/")) return id;
  const isNear = given !== kind && nearest(given, KINDS) === kind;
  const hint = isNear ? `did you mean ${kind}/${id}? ` : "";
  const article = /^[aio]/.test(kind) ? "an" : "a";
  throw new Failure("MALFORMED", `read ${word}: ${hint}expected the id of ${article} ${kind}`);
}
