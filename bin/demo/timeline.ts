import { z } from "zod";
import type { House } from "./house.ts";
import { Step, type Telling } from "./story.ts";
import { CARELESS, DRAFTER, GREETER, objectiveOf, OBJECTIVE, PROJECT } from "./views.ts";

// Demo timeline
//
// What happened, as people would tell it, from the journals of the actors that it happened to.

type Line = { readonly at: number; readonly text: string };

/** The whole story, oldest first. */
export async function timeline(house: House, telling: Telling): Promise<string[]> {
  const journals = await Promise.all(
    TELLERS.map(async ([address, tell]) =>
      (await journalOf(house, address)).flatMap((step): Line[] => {
        const text = tell(step);
        return text === undefined ? [] : [{ at: step.committedAt, text }];
      }),
    ),
  );
  const { pokes, respawns } = await objectiveOf(house);
  const lines: Line[] = [
    ...journals.flat(),
    ...telling.deeds,
    ...telling.kills.map((at) => ({ at, text: "✂ SIGKILL of the daemon" })),
    ...pokes.map(({ at, state }) => ({ at, text: `the manager is poked: ${state}` })),
    ...respawns.map(({ endedAt, sessionId, cause }) => ({
      at: endedAt,
      text: `${sessionId} is dead (${cause}): it is replaced`,
    })),
  ];
  return lines
    .toSorted((one, other) => one.at - other.at)
    .map(
      ({ at, text }) => `${((at - telling.startedAt) / 1_000).toFixed(1).padStart(5)}s  ${text}`,
    );
}

type Teller = (step: Step) => string | undefined;

const TELLERS: readonly (readonly [string, Teller])[] = [
  [`forge/${PROJECT}`, pullText],
  ...[GREETER, CARELESS].flatMap((worker) => [
    [`review/${worker}`, reviewText(worker)] as const,
    [`terminal/review-${worker}`, paneText(worker)] as const,
  ]),
  [`objective/${OBJECTIVE}`, objectiveText],
  [`session/${DRAFTER}`, drafterText],
];

const Journal = z.object({ entries: z.array(Step) });

async function journalOf(house: House, address: string): Promise<readonly Step[]> {
  return Journal.parse(await house.get(`/actors/${address}/journal?limit=1000`)).entries;
}

/** What the forge's messages may tell. */
const Told = z.looseObject({
  title: z.string().optional(),
  session: z.string().optional(),
  number: z.number().optional(),
  author: z.string().optional(),
  heads: z.record(z.string(), z.unknown()).default({}),
  result: z
    .looseObject({
      checks: z.array(z.looseObject({ name: z.string(), passed: z.boolean() })).optional(),
      mergeSha: z.string().optional(),
    })
    .optional(),
});

const PULLS: Readonly<Record<string, (told: z.infer<typeof Told>) => string | undefined>> = {
  "pull.open": ({ session, title }) => `${session ?? "somebody"} opened "${title}"`,
  "pull.comment": ({ author, number }) => `${author ?? "somebody"} commented on #${number}`,
  "refs.observed": ({ heads }) => `heads moved: ${Object.keys(heads).join(", ")}`,
  "runChecks.done": ({ result }) =>
    result?.checks
      ?.map(({ name, passed }) => `check ${name} ${passed ? "passed" : "failed"}`)
      .join(", "),
  "mergePullRequest.done": ({ result }) => `merged as ${result?.mergeSha?.slice(0, 8)}`,
};

function pullText({ message, isNoop }: Step): string | undefined {
  return isNoop ? undefined : PULLS[message.type]?.(Told.parse(message.data));
}

const Reviewed = z.looseObject({
  epoch: z.number().optional(),
  reviews: z.array(z.looseObject({ runId: z.string(), verdict: z.string() })).default([]),
});
const ReviewValue = z.looseObject({ reviewer: z.string() });

/** What a review decides, as its step shows it. */
function reviewText(worker: string): Teller {
  return ({ message, value }) => {
    const { reviews, epoch } = Reviewed.parse(message.data);
    const isDestroying = ReviewValue.safeParse(value).data?.reviewer === "destroying";
    switch (message.type) {
      case "review.trigger":
        return isDestroying
          ? `review of ${worker}: a newer commit; its reviewer is ended for the next one`
          : `review of ${worker}: a reviewer is ordered`;
      case "review.submit": {
        const said = reviews.map(({ runId, verdict }) => `${runId} ${verdict}`).join(", ");
        return value === undefined ? `refused: ${said}` : `submitted: ${said}`;
      }
      case "child.started":
        return `review of ${worker}: reviewer of epoch ${epoch} works`;
      default:
        return undefined;
    }
  };
}

function paneText(worker: string): Teller {
  return ({ message, isNoop }) => {
    const { epoch } = Reviewed.parse(message.data);
    if (isNoop) return undefined;
    if (message.type === "child.start") return `spawned: reviewer of ${worker}, epoch ${epoch}`;
    return message.type === "destroyTerminal.done"
      ? `destroyed: the reviewer of ${worker}`
      : undefined;
  };
}

function objectiveText({ message, isNoop }: Step): string | undefined {
  if (isNoop) return undefined;
  const { title } = Told.parse(message.data);
  if (message.type === "objective.worker") return `the manager spawns a worker: ${title}`;
  return message.type === "objective.done" ? "the objective is done" : undefined;
}

function drafterText({ message, isNoop }: Step): string | undefined {
  if (isNoop) return undefined;
  return message.type === "child.stopped" ? `${DRAFTER}: nothing of it runs` : undefined;
}
