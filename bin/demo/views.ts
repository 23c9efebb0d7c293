import { z } from "zod";
import type { House } from "./house.ts";

// What the demo reads of the daemon's answers.

export const PROJECT = "demo";
export const OBJECTIVE = `${PROJECT}-o1`;
/** Two pull requests of its own. */
export const GREETER = `${OBJECTIVE}-w1`;
/** Its first check fails. */
export const CARELESS = `${OBJECTIVE}-w2`;
/** Its pull request comes to a conflict. */
export const LISTER = `${PROJECT}-1`;
/** Is killed, restored and killed again. */
export const DRAFTER = `${PROJECT}-2`;

const Pull = z.object({
  merging: z.boolean(),
  trouble: z.object({ at: z.number(), message: z.string() }).nullable(),
  number: z.number(),
  title: z.string(),
  state: z.string(),
  headSha: z.string(),
  session: z.string().optional(),
  ci: z.object({ state: z.string() }),
  mergeable: z.boolean().nullable(),
  reviewDecision: z.string(),
});
export type Pull = z.infer<typeof Pull>;
const Pulls = z.object({ pulls: z.array(Pull) });

const Session = z.object({
  id: z.string(),
  status: z.string(),
  wanted: z.string(),
  prs: z.array(z.object({ number: z.number(), headSha: z.string(), state: z.string() })),
  workspace: z.object({ state: z.string(), path: z.string().nullish() }),
  terminal: z.object({ id: z.string(), epoch: z.number(), state: z.string() }),
});
export type Session = z.infer<typeof Session>;
const Sessions = z.object({ sessions: z.array(Session) });

const Run = z.object({
  id: z.string(),
  batchId: z.string(),
  prUrl: z.string(),
  targetSha: z.string(),
  status: z.string(),
  failReason: z.string().optional(),
  verdict: z.string(),
  epoch: z.number().nullable(),
});
export type Run = z.infer<typeof Run>;
const Reviews = z.object({ reviewerHandleId: z.string(), runs: z.array(Run) });

const Objective = z.object({
  state: z.string(),
  status: z.string(),
  workers: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      state: z.string(),
      evidence: z.array(z.string()),
    }),
  ),
  pokes: z.array(z.object({ at: z.number(), state: z.string() })),
  respawns: z.array(z.object({ sessionId: z.string(), endedAt: z.number(), cause: z.string() })),
  summary: z.string(),
});
export type Objective = z.infer<typeof Objective>;

const Intake = z.object({
  isBalanced: z.boolean(),
  dead: z.number(),
  received: z.number(),
  outbox: z.number(),
});
export type Intake = z.infer<typeof Intake>;

const Actors = z.object({
  actors: z.array(z.object({ states: z.array(z.string()) })),
});

export async function pullsOf(house: House): Promise<readonly Pull[]> {
  return Pulls.parse(await house.get(`/projects/${PROJECT}/pulls`)).pulls;
}

/** The pull request for a script; undefined before it was opened. */
export async function pullFor(house: House, name: string): Promise<Pull | undefined> {
  return (await pullsOf(house)).find(({ title }) => title === `Write ${name}.sh`);
}

export async function sessionsOf(house: House): Promise<readonly Session[]> {
  return Sessions.parse(await house.get("/sessions")).sessions;
}

/** One session; undefined before it was ordered. */
export async function sessionOf(house: House, id: string): Promise<Session | undefined> {
  return (await sessionsOf(house)).find((session) => session.id === id);
}

/** Runs of a worker's reviews, oldest first. */
export async function runsOf(house: House, worker: string): Promise<readonly Run[]> {
  return Reviews.parse(await house.get(`/sessions/${worker}/reviews`)).runs.toReversed();
}

export async function objectiveOf(house: House): Promise<Objective> {
  return Objective.parse(await house.get(`/objectives/${OBJECTIVE}`));
}

export async function intakeOf(house: House): Promise<Intake> {
  return Intake.parse(await house.get("/intake"));
}

/** Whether all actors of a kind are in one of these states. */
export async function areAll(house: House, kind: string, ...states: string[]): Promise<boolean> {
  const { actors } = Actors.parse(await house.get(`/actors?kind=${kind}&limit=500`));
  return actors.every((actor) => actor.states.some((state) => states.includes(state)));
}

/** The process in a terminal; undefined when there is none. */
export async function pidOf(house: House, terminal: string): Promise<number | undefined> {
  const Terminal = z.object({ context: z.object({ pid: z.number().nullish() }) });
  return Terminal.parse(await house.get(`/actors/terminal/${terminal}`)).context.pid ?? undefined;
}
