import { setup } from "xstate";
import type { Birth, Kind, MachineState } from "../kind.ts";
import { NOTHING, type ForgeContext, withPull } from "./jobs.ts";
import { shortened } from "./pulls.ts";
import * as commands from "./commands.ts";
import * as following from "./following.ts";
import { accepts, type ForgeEvent } from "./messages.ts";
import * as results from "./results.ts";
import type { Order } from "../order.ts";
import { decides } from "../recording.ts";
import { typed } from "../typed.ts";

// Forge
//
// Pull requests of one repository: kept here without any server, branches looked at by git and checks run for real; or
// kept by GitHub, and followed (H1 to H4).
//
//   F1. At most one order of each sort (inspect, check, merge) is out; what comes meanwhile waits and is merged together.
//   F2. Every change of a pull request's facts is published for its session, as any forge's probe would.
//   F3. A result speaks of the head it was asked for; for another head it changes nothing.
//   F4. A merge that failed leaves the pull request as it was, with the reason.
//   F9. A merge that a session asked for and that failed is tried again, ever more rarely, as long as that head may be
//       merged: whoever asked does not look again.
//   F5. Checks that could not be run are tried again, then fail for that reason; nothing stays pending for ever.
//   F6. Where checks are configured, only a head that passed them is merged.
//   F7. A head is not merged while a reviewer asks for changes, and where the project names reviewers only once one has
//       approved it; a decision goes with its head.
//   F8. No head is believed because an observation says so: git is asked, so that a lie costs one look and no more.

const machine = setup({
  types: {
    context: typed<ForgeContext>(),
    events: typed<ForgeEvent>(),
    input: typed<Birth>(),
    emitted: typed<Order>(),
  },
  actions: {
    noteRepository: decides(commands.noteRepository),
    openPull: decides(commands.openPull),
    commentPull: decides(commands.commentPull),
    reviewPull: decides(commands.reviewPull),
    resolveComment: decides(commands.resolveComment),
    readyPull: decides(commands.readyPull),
    closePull: decides(commands.closePull),
    mergePull: decides(commands.mergePull),
    checkPull: decides(commands.checkPull),
    claimPull: decides(commands.claimPull),
    refuseClosed: decides(commands.refuseClosed),
    inspectMoved: decides(results.inspectMoved),
    inspectAgain: decides(results.inspectAgain),
    checkAgain: decides(results.checkAgain),
    noteInspection: decides(results.noteInspection),
    noteChecks: decides(results.noteChecks),
    noteMerge: decides(results.noteMerge),
    mergeAgain: decides(results.mergeAgain),
    openThere: decides(following.openThere),
    notePulls: decides(following.notePulls),
    noteOpening: decides(following.noteOpening),
    noteVerdict: decides(following.noteVerdict),
    refuseThere: decides(following.refuseThere),
  },
  guards: {
    isOnGithub: ({ event }) => event.type === "forge.open" && event.data.github !== undefined,
  },
}).createMachine({
  id: "forge",
  description: "Pull requests of one repository, kept and checked here or followed at GitHub.",
  context: ({ input: { id } }) => ({
    projectId: id,
    root: "",
    defaultBranch: "",
    origin: null,
    github: null,
    trouble: null,
    checks: [],
    owesReview: false,
    env: {},
    ...NOTHING,
  }),
  initial: "closed",
  on: {
    "inspectBranches.done": { actions: "noteInspection" },
    "inspectBranches.failed": { actions: "noteInspection" },
    "runChecks.done": { actions: "noteChecks" },
    "runChecks.failed": { actions: "noteChecks" },
    "mergePullRequest.done": { actions: "noteMerge" },
    "mergePullRequest.failed": { actions: "noteMerge" },
    "openPullRequest.done": { actions: "noteOpening" },
    "openPullRequest.failed": { actions: "noteOpening" },
    "timer.inspect": { actions: "inspectAgain" },
    "timer.checks": { actions: "checkAgain" },
    "timer.merge": { actions: "mergeAgain" },
  },
  states: {
    closed: {
      description:
        "Its project does not use it; what was asked for before is still brought to its end.",
      on: {
        "forge.open": [
          { guard: "isOnGithub", target: "following", actions: "noteRepository" },
          { target: "serving", actions: "noteRepository" },
        ],
        "pull.open": { actions: "refuseClosed" },
        "pull.comment": { actions: "refuseClosed" },
        "pull.resolve": { actions: "refuseClosed" },
        "pull.ready": { actions: "refuseClosed" },
        "pull.close": { actions: "refuseClosed" },
        "pull.merge": { actions: "refuseClosed" },
        "pull.check": { actions: "refuseClosed" },
        "pull.claim": { actions: "refuseClosed" },
      },
    },
    serving: {
      description: "Branches are watched, checks run, pull requests opened and merged.",
      on: {
        "forge.open": { actions: "noteRepository" },
        "forge.configure": { actions: "noteRepository" },
        "forge.close": { target: "closed" },
        "pull.open": { actions: "openPull" },
        "pull.comment": { actions: "commentPull" },
        "pull.review": { actions: "reviewPull" },
        "pull.resolve": { actions: "resolveComment" },
        "pull.ready": { actions: "readyPull" },
        "pull.close": { actions: "closePull" },
        "pull.merge": { actions: "mergePull" },
        "pull.check": { actions: "checkPull" },
        "pull.claim": { actions: "claimPull" },
        "refs.observed": { actions: "inspectMoved" },
      },
    },
    following: {
      description:
        "GitHub keeps the pull requests; what a probe sees there is noted, merges are asked for there.",
      on: {
        "forge.open": { actions: "noteRepository" },
        "forge.configure": { actions: "noteRepository" },
        "forge.close": { target: "closed" },
        "pulls.observed": { actions: "notePulls" },
        "pull.open": { actions: "openThere" },
        "pull.review": { actions: "noteVerdict" },
        "pull.merge": { actions: "mergePull" },
        "pull.claim": { actions: "claimPull" },
        "pull.comment": { actions: "refuseThere" },
        "pull.resolve": { actions: "refuseThere" },
        "pull.ready": { actions: "refuseThere" },
        "pull.close": { actions: "refuseThere" },
        "pull.check": { actions: "refuseThere" },
      },
    },
  },
});

function contextOf(state: MachineState): ForgeContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the host hands over snapshots of this machine only
  return state.context as ForgeContext;
}

/** A forge of before reviews were owed: none is, until its project says so. */
function owingNothing(state: MachineState): MachineState {
  return { ...state, context: { ...contextOf(state), owesReview: false } };
}

/** A forge of before GitHub was spoken to: it keeps its pull requests itself. */
function keptHere(state: MachineState): MachineState {
  return { ...state, context: { ...contextOf(state), github: null, trouble: null } };
}

/** A forge of before merges were tried again: nothing waits for it, and what GitHub was asked to open is asked anew. */
function tryingOnce(state: MachineState): MachineState {
  const { jobs, ...context } = contextOf(state);
  const told = { ...NOTHING.jobs, ...jobs, mergeLater: [], opening: [] };
  return { ...state, context: { ...context, failedOpenings: [], jobs: told } };
}

/** A forge of before those that ended were cut short. */
function cutShort(state: MachineState): MachineState {
  const context = contextOf(state);
  return {
    ...state,
    context: Object.values(context.pulls).map(shortened).reduce(withPull, context),
  };
}

/** `forge/<project>`: the pull requests of one repository. */
export const forge: Kind = {
  name: "forge",
  description: "The pull requests of one repository",
  version: 5,
  migrations: { 1: owingNothing, 2: keptHere, 3: tryingOnce, 4: cutShort },
  machine,
  accepts,
  creates: ["forge.open"],
  summarize: (state) => {
    const { root, github, pulls } = contextOf(state);
    return { root, github, pulls: Object.keys(pulls).length };
  },
};
