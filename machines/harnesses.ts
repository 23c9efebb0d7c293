import type { FailureCode } from "./failures.ts";
import type { Command } from "./project-config.ts";

/** What is known of an agent before it is launched. */
export interface Wish {
  readonly harness: string;
  readonly command?: Command | undefined;
}

/** The argv that runs it, or why nothing can. */
export type Launch =
  | { readonly type: "launch"; readonly argv: readonly string[] }
  | { readonly type: "refused"; readonly code: FailureCode; readonly message: string };

const HARNESSES: ReadonlyMap<string, (wish: Wish) => Launch> = new Map([["command", runCommand]]);

/** How a harness is launched. HARNESS_UNKNOWN for one that is not in the table, or that lacks its command. */
export function launchOf(wish: Wish): Launch {
  const harness = HARNESSES.get(wish.harness);
  if (harness !== undefined) return harness(wish);
  const known = [...HARNESSES.keys()].join(", ");
  return {
    type: "refused",
    code: "HARNESS_UNKNOWN",
    message: `launch an agent with harness ${wish.harness}: known are ${known}`,
  };
}

function runCommand({ command }: Wish): Launch {
  if (command === undefined) {
    return {
      type: "refused",
      code: "HARNESS_UNKNOWN",
      message: "launch an agent with harness command: no command is given, nor configured for it",
    };
  }
  return { type: "launch", argv: typeof command === "string" ? ["sh", "-c", command] : command };
}
