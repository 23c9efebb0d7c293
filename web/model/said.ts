import type { Json } from "./answers.ts";

// Said
//
// What an actor's context says of itself under names that people understand; what it does not say is empty.

export interface Said {
  /** What it is about, in a line. */
  readonly title: string;
  /** Of a question: what is asked, and what may be said to it; any other answer may be given, too. */
  readonly question: string;
  readonly options: readonly string[];
}

export function saidBy(context: Json | undefined): Said {
  const members = new Map(
    typeof context === "object" && context !== null ? Object.entries<Json>(context) : [],
  );
  const question = textOf(members.get("text"));
  const options = members.get("options");
  return {
    title: question || textOf(members.get("title")),
    question,
    options: Array.isArray(options) ? options.map(textOf).filter(Boolean) : [],
  };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
