import { z } from "zod";
import { parsed, type Case } from "./cases.ts";
import type { Difference } from "./expectation.ts";
import { looked } from "./probes.ts";
import { differences } from "./tables.ts";

// Head reaper
//
// What one pass of the real probe says of some terminals, in the words of the later model.

const Given = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      runtime: z.enum(["alive", "dead", "error"]).default("alive"),
      handle: z.null().optional(),
      terminated: z.boolean().default(false),
      launch: z.string().optional(),
      // A program that ended while its pane stands is told by the record of its end.
      workload: z.literal("alive").optional(),
    }),
  ),
});
const Expect = z.strictObject({
  observed: z.record(z.string(), z.record(z.string(), z.string())),
});

/** Whether a case is a pass of the probe. */
export function isReaperCase({ given, expect }: Case): boolean {
  return Given.safeParse(given).success && Expect.safeParse(expect).success;
}

export async function runReaperCase(one: Case): Promise<Difference[]> {
  const { sessions } = parsed(Given, one.given, "given");
  const { observed } = parsed(Expect, one.expect, "expect");
  const probed = sessions.filter(({ terminated }) => !terminated);
  const said = await looked(
    probed.map(({ id, runtime, handle }) => ({
      id,
      runtime: "tmux",
      handle: handle === null ? null : id,
      state: "working",
      probe: runtime,
    })),
  );
  const got = Object.fromEntries([...said].map(([id, call]) => [id, wordsOf(call)]));
  const strange = [...said.keys()].filter((id) => !Object.hasOwn(observed, id));
  return [
    ...strange.map((id) => ({ key: id, expected: undefined, got: got[id] })),
    ...Object.entries(observed).flatMap(([id, words]) =>
      differences(words, got[id] ?? {}, {}).map((each) => ({ ...each, key: `${id}.${each.key}` })),
    ),
  ];
}

function wordsOf(call: string): Record<string, string> {
  const [, runtime = "", workload = ""] = /runtime=(\w+) process=(\w+)/.exec(call) ?? [];
  return { runtime, workload };
}
