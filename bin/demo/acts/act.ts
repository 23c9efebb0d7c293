import type { House } from "../house.ts";
import { diaryOf, type Stage } from "../stage.ts";
import { pullFor, sessionOf, type Pull } from "../views.ts";
import type { Telling } from "../story.ts";

/** What happens on the stage, and who waits for what. Acts run side by side; each waits for evidence, none for time. */
export interface Play {
  readonly stage: Stage;
  readonly house: House;
  readonly telling: Telling;
  /** Says what a person does. */
  readonly person: (does: string) => void;
  /** What was seen once and cannot be asked for later. */
  readonly seen: Seen;
}

export interface Seen {
  /** Whether a review was running when the daemon was killed. */
  wasReviewing: boolean;
  /** What the reviewer that was superseded was told when it handed in after all. */
  lateWord: { exitCode: number; words: string } | undefined;
  /** How `ao objective show` tells it. */
  shown: string;
  /** The commit that was nowhere but in the worktree of a killed session. */
  draft: string;
  /** Processes of killed sessions, which must be gone. */
  readonly ended: number[];
}

/** Waits until an agent wrote down a line that begins so. */
export async function written(play: Play, terminal: string, start: string): Promise<string> {
  const { house, stage } = play;
  const find = (): string | undefined =>
    diaryOf(stage, terminal).find((line) => line.startsWith(start));
  await house.until(`${terminal} to have ${start}`, async () =>
    Promise.resolve(find() !== undefined),
  );
  return find() ?? "";
}

/** The pull request for a script once it is as wanted, and its session knows it by this head. */
export async function pullOnce(
  { house }: Play,
  name: string,
  { is, what }: { is: (pull: Pull) => boolean; what: string },
): Promise<Pull> {
  let found: Pull | undefined;
  await house.until(`the pull request for ${name}.sh ${what}`, async () => {
    const pull = await pullFor(house, name);
    if (pull === undefined || !is(pull)) return false;
    const session = await sessionOf(house, pull.session ?? "");
    found = pull;
    return session?.prs.some(({ headSha }) => headSha === pull.headSha) ?? false;
  });
  if (found === undefined) throw new Error(`there is no pull request for ${name}.sh`);
  return found;
}

/** One that only waits for its merge. */
export function isMergeable({ ci, mergeable }: Pull): boolean {
  return ci.state === "passing" && mergeable === true;
}

/** A merge that git refuses, as when a branch moved at that moment, is tried again by whoever asked for it. */
const MERGE_TRIES = 3;

/** Merges, and waits until it is done. `unreviewed`: a person looked at it himself. */
export async function merged(
  play: Play,
  name: string,
  { unreviewed, tries = 1 }: { unreviewed: boolean; tries?: number },
): Promise<void> {
  const { house, person } = play;
  let refusal: string | undefined;
  const before = await pullFor(house, name);
  const number = before?.number;
  person(`merges #${number}, ${name}.sh${unreviewed ? ", which no reviewer saw" : ""}`);
  await house.post(`/projects/demo/pulls/${number}/merge`, { unreviewed });
  await house.until(`${name}.sh to be merged`, async () => {
    const pull = await pullFor(house, name);
    const trouble = pull?.trouble ?? null;
    const isOver = pull?.merging === false && trouble?.at !== before?.trouble?.at;
    // Nothing more comes of it: whoever merges is told why, and so is who watches.
    if (isOver) refusal = trouble?.message;
    return pull?.state === "merged" || refusal !== undefined;
  });
  if (refusal === undefined) return;
  if (tries === MERGE_TRIES) throw new Error(`merge ${name}.sh: ${refusal}`);
  person(`is told why not: ${refusal}`);
  await pullOnce(play, name, { what: "to be ready again", is: isMergeable });
  await merged(play, name, { unreviewed, tries: tries + 1 });
}
