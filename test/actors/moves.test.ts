import { setup } from "xstate";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { explainedMovesOf, movesOf, type ExplainedMove } from "../../actors/moves.ts";
import type { Kind, MachineState } from "../../machines/kind.ts";
import type { JournalEntry } from "../../storage/store.ts";
import { typed } from "../../machines/typed.ts";

interface Context {
  readonly paid: number;
  readonly rules: { readonly price: number };
  readonly spoiled: string[];
}

const machine = setup({
  types: {
    context: typed<Context>(),
    events: typed<{ type: "push" | "coin" | "look" | "break"; data: { worth: number } }>(),
  },
  guards: {
    isPaid: ({ context }) => context.paid >= context.rules.price,
    isWorthIt: ({ event }) => event.data.worth > 1,
    spoils: ({ context }) => context.spoiled.push("x") > 0,
  },
}).createMachine({
  id: "gate",
  context: { paid: 1, rules: { price: 2 }, spoiled: [] },
  initial: "closed",
  states: {
    closed: {
      on: {
        push: { guard: "isPaid", target: "open" },
        coin: [{ guard: "isWorthIt", target: "open" }, { actions: [] }],
        look: {},
        break: { guard: "spoils", target: "open" },
      },
    },
    open: {},
  },
});

const gate: Kind = {
  name: "question",
  description: "A gate.",
  version: 1,
  machine,
  accepts: {
    push: z.object({}),
    coin: z.object({ worth: z.number() }),
    look: z.object({}),
    break: z.object({}),
  },
  creates: ["push"],
};

const state = (context: Context): MachineState => ({ status: "active", value: "closed", context });
const context: Context = { paid: 1, rules: { price: 2 }, spoiled: [] };

function coin(worth: number): JournalEntry {
  const message = { id: "m", type: "coin", at: 1, data: { worth } };
  return {
    address: "question/gate",
    seq: 7,
    globalSeq: 9,
    message,
    isNoop: true,
    orders: [],
    committedAt: 1,
  };
}

function ask(samples: readonly JournalEntry[] = [], given = context): ExplainedMove[] {
  const byType = new Map(samples.map((entry) => [entry.message.type, entry]));
  const question = { state: state(given), samples: byType, at: 5 };
  const explained = explainedMovesOf(gate, question);
  expect(explained).toMatchObject(movesOf(gate, question));
  return explained;
}

const of = (moves: readonly ExplainedMove[], event: string) =>
  moves.find((move) => move.event === event);

describe("a transition out of an active state", () => {
  it("is open without a guard", () => {
    expect(of(ask(), "look")).toMatchObject({ verdict: "open", source: "closed", targets: [] });
  });

  it("is refused by its guard, for what the guard read and in its own words (V2)", () => {
    const move = of(ask(), "push");
    expect(move).toMatchObject({ verdict: "no", guard: "isPaid", targets: ["open"] });
    expect(move?.reads).toEqual([
      { path: "paid", value: 1 },
      { path: "rules.price", value: 2 },
    ]);
    expect(move?.words).toContain("context.paid >= context.rules.price");
  });

  it("is told without the reasons to who only follows (V4)", () => {
    const moves = movesOf(gate, { state: state(context), samples: new Map(), at: 5 });
    expect(moves.map(({ verdict }) => verdict)).toEqual(ask().map(({ verdict }) => verdict));
    expect(moves.flatMap((move) => Object.keys(move))).not.toContain("reads");
    expect(moves.flatMap((move) => Object.keys(move))).not.toContain("words");
  });

  it("is let through by its guard", () => {
    expect(of(ask([], { ...context, paid: 2 }), "push")?.verdict).toBe("yes");
  });

  it("depends on a message that nobody has seen (V1)", () => {
    expect(of(ask(), "coin")).toMatchObject({ verdict: "unknown", askedWith: null });
  });

  it.each([
    { worth: 1, verdict: "no" },
    { worth: 2, verdict: "yes" },
  ])(
    "is asked with the last message of its type: $worth is $verdict (V1)",
    ({ worth, verdict }) => {
      expect(of(ask([coin(worth)]), "coin")).toMatchObject({ verdict, askedWith: 7 });
    },
  );

  it("is asked without a change to the context (V3)", () => {
    const given = { ...context, spoiled: [] };
    expect(of(ask([], given), "break")?.verdict).toBe("unknown");
    expect(given.spoiled).toEqual([]);
  });
});
