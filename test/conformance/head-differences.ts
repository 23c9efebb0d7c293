// Head differences
//
// Where this product answers otherwise than the later model, on purpose: the reason, and the cases that show it.

export const HEAD_DIFFERENCES: Readonly<Record<string, readonly string[]>> = {
  "an end shows how it came about (1.2), a merge before it or not": ["head-display-02"],
  "one that waits for a permission is stuck, and shows as such (1.2, 1.6)": [
    "head-display-04",
    "head-precedence-14",
  ],
  "an open or merged pull request shows before what is soft: work, rest and exit (1.2)": [
    "head-display-05",
    ...range("head-precedence", 2, 9),
    "head-precedence-11",
    "head-precedence-12",
    ...range("head-scm-status", 2, 9),
  ],
  "a death takes two witnesses, and a failed probe is none (1.3)": ["head-runtime-01"],
  "the program in a pane is looked at with every pane, watched or not": ["head-reaper-01"],
  "a failed probe shows: in the runtime, and as a doubt (1.3, 1.6)": ["head-runtime-12"],
  "every valid signal is a sign of life, and counted (1.6)": ["head-activity-16"],
  "activity is what an agent said last; a kill is no word of it": ["head-terminate-01"],
  "that it may be merged is the gate's word, in which its checks are counted (1.5)": [
    "head-notices-19",
  ],
};

function range(suite: string, first: number, last: number): string[] {
  const count = last - first + 1;
  return Array.from({ length: count }, (_, n) => `${suite}-${String(first + n).padStart(2, "0")}`);
}
