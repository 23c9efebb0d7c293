// Review words
//
// What became of the reviews of a session, in one line for the board: the story of each pull request as it was told,
// oldest first.
//
//   W1. Of each pull request the last runs are told, in the order of their time; how many went before is said.
//   W2. That a newer commit made a run void is told with the commit, and also when it is long ago.

/** What a run says of itself to the board. `number` is 0 for a branch without a pull request. */
export interface ToldRun {
  readonly state: string;
  readonly reason?: string | null | undefined;
  readonly verdict?: string | undefined;
  readonly targetSha?: string | undefined;
  readonly subject?: { readonly url: string; readonly number: number } | undefined;
}

const TOLD_RUNS = 3;
const TOLD_SUBJECTS = 3;

/** "#2 superseded by a push of f34a5d5 → approved · #3 approved"; empty without runs. `runs` are oldest first. */
export function runsInWords(runs: readonly ToldRun[]): string {
  const bySubject = Map.groupBy(runs, ({ subject }) => subject?.url);
  return [...bySubject.values()]
    .slice(-TOLD_SUBJECTS)
    .map((own) => {
      const number = own[0]?.subject?.number ?? 0;
      const story = storyOf(own);
      return bySubject.size > 1 && number > 0 ? `#${number} ${story}` : story;
    })
    .join(" · ");
}

function storyOf(runs: readonly ToldRun[]): string {
  const early = runs.slice(0, -TOLD_RUNS);
  const voided = early.filter(isSuperseded).length;
  const before =
    voided > 0 ? `${early.length} before, ${voided} superseded` : `${early.length} before`;
  const told = runs.slice(-TOLD_RUNS).map((run, index, last) => runInWords(run, last[index + 1]));
  return [...(early.length > 0 ? [before] : []), ...told].join(" → ");
}

function runInWords(run: ToldRun, next: ToldRun | undefined): string {
  const { state, reason, verdict, targetSha } = run;
  if (!isSuperseded(run)) return [verdict || state, reason].filter(Boolean).join(": ");
  const by = next?.targetSha;
  return by === undefined || by === targetSha
    ? "superseded"
    : `superseded by a push of ${by.slice(0, 7)}`;
}

function isSuperseded({ reason }: ToldRun): boolean {
  return reason === "superseded";
}
