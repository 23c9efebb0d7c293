// Head differences
//
// Where this product answers otherwise than the later model, on purpose: the reason, and the cases that show it. And
// what of that model has no words here: for want of the thing, or because the thing is built otherwise.

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
  "a death takes two witnesses, and a failed probe is none (1.3)": [
    "head-runtime-01",
    "head-toolflight-15",
  ],
  "a program that is gone under its pane is a doubt, and no word of its agent (1.3)": [
    "head-runtime-13",
  ],
  "an observation of an unknown session is a dead letter, and no error to who told it (1.6)": [
    "head-activity-07",
  ],
  "a goodbye writes no lifecycle, so a question stays until its end is known (1.6)": [
    "head-notices-07",
  ],
  "a comment has a name here, and its thread none": ["head-nudges-03"],
  "a pull request is called one, with its head": ["head-nudges-16"],
  "the program in a pane is looked at with every pane, watched or not": ["head-reaper-01"],
  "a failed probe shows: in the runtime, and as a doubt (1.3, 1.6)": ["head-runtime-12"],
  "every valid signal is a sign of life, and counted (1.6)": [
    "head-activity-08",
    "head-activity-16",
  ],
  "activity is what an agent said last; a kill is no word of it": ["head-terminate-01"],
  "an agent that left is over, and its next launch is a restore: what came of a launch is a fact": [
    "head-activity-13",
  ],
  "nothing is launched beside an agent that runs, nor told to have been (0.11)": [
    "head-activity-14",
    "head-activity-17",
  ],
  "no issue tracker is read, so none ends a session or is told to its agent": [
    "head-tracker-01",
    "head-tracker-02",
    ...range("head-tracker", 4, 6),
  ],
  "that it may be merged is the gate's word, in which its checks are counted (1.5)": [
    ...range("head-notices", 19, 21),
  ],
};

/** Cases that cannot be asked here, by what stands in the place of what they ask for. */
export const HEAD_WITHOUT_WORDS: Readonly<Record<string, readonly string[]>> = {
  "which harness tells what, and takes a word in its turn, is a table and no predicate": [
    ...range("head-capability", 1, 3),
    "head-guard-coordination-04",
    ...range("head-send", 9, 13),
  ],
  "a store that is lost ends the host, and nothing is decided without it": ["head-guard-08"],
  "a text is an order that is tried again, not a call that fails": [
    "head-guard-09",
    "head-nudges-21",
  ],
  "the end of a program is told to its terminal, by its record": [
    "head-reaper-02",
    "head-reaper-04",
  ],
  "a screen is looked at by the session, once its lease is over, and knows what was heard since": [
    ...range("head-terminal-observer", 1, 9),
    "head-activity-05",
    "head-activity-06",
  ],
  "tokens are not counted: nothing is finalised before an end, and no end waits for it": [
    ...range("head-runtime", 2, 11),
    ...range("head-terminate", 2, 5),
  ],
  "agents have no containers": [
    ...range("head-runtime", 16, 17),
    ...range("head-terminate", 6, 11),
  ],
  "only what is valid counts, also the name of a conversation (1.1)": ["head-activity-02"],
  "every time is told in milliseconds since 1970": ["head-activity-18"],
  "that nobody spoke yet is told on read, without a receipt": ["head-activity-15"],
  "an agent is always in a terminal: there is no chat to hand it over to": [
    ...range("head-activity", 19, 22),
    ...range("head-send", 14, 16),
  ],
  "no order of a session goes to an orchestrator": range("head-activity", 23, 26),
  "what happened is in the journal, with its times": ["head-notices-10", "head-notices-11"],
  "a notice of a question and one of a permission are two": ["head-notices-04"],
  "a notice is ended, not a call to end it counted": range("head-notices", 15, 17),
  "all pull requests of a session come in one observation, so none must be looked up": [
    "head-nudges-05",
    "head-nudges-17",
    "head-nudges-18",
    "head-merge-completion-01",
  ],
  "a signature is no step: test/machines/session/reactions.test.ts": ["head-nudges-09"],
  "a guard is asked when a text's turn comes: test/machines/session/reactions.test.ts": [
    "head-nudges-15",
    "head-review-batch-06",
    "head-send-06",
    "head-send-07",
  ],
  "a merge parks a session and never ends it (1.5)": range("head-merge-completion", 2, 7),
  "a batch is known by its name: no pull request is its anchor": ["head-review-batch-01"],
  "no previews, browsers and shells, and one repository to a project": [
    ...range("head-kill", 1, 5),
    "head-kill-08",
    ...range("head-kill", 10, 12),
    "head-boot-04",
    "head-boot-12",
  ],
  "a kill is an intent that is kept and tried again, never a failure (0.11): test/conformance/sagas.ts":
    ["head-kill-06", "head-kill-07", "head-kill-09", "head-kill-13"],
  "a restore is that of the model: test/conformance/sagas.ts": range("head-restore", 1, 8),
  "an agent that ended is restored like one that is over, in its worktree": [
    ...range("head-restore", 9, 14),
  ],
  "a spawn that fails takes itself back, and an orchestrator waits for the end of the one before": [
    ...range("head-restore", 15, 20),
  ],
  "what is wanted is kept apart from what is seen, so a start needs no markers: test/daemon": [
    ...range("head-boot", 1, 3),
    ...range("head-boot", 5, 11),
    ...range("head-boot", 13, 14),
  ],
  "a text is queued, and confirmed by a hook or its echo: test/machines/session": [
    ...range("head-send", 1, 5),
    "head-send-08",
  ],
};

function range(suite: string, first: number, last: number): string[] {
  const count = last - first + 1;
  return Array.from({ length: count }, (_, n) => `${suite}-${String(first + n).padStart(2, "0")}`);
}
