import { OBJECTIVE, objectiveOf, pidOf, pullsOf, sessionsOf } from "../views.ts";
import { written, type Play } from "./act.ts";

/** With its pull requests merged, the objective has a manager that only thinks: it is poked, dies and is replaced. */
export async function objective(play: Play): Promise<void> {
  const { house, person, seen } = play;
  await house.until("the pull requests of the objective to be merged", async () => {
    const own = (await pullsOf(house)).filter(({ session }) => session?.startsWith(OBJECTIVE));
    return own.length === 3 && own.every(({ state }) => state === "merged");
  });
  const manager = `${OBJECTIVE}-m1`;
  await written(play, manager, "poked");
  await house.until("the poke to have arrived", async () =>
    (await objectiveOf(house)).pokes.some(({ state }) => state === "delivered"),
  );
  const pid = await pidOf(house, manager);
  person(`kills the process of ${manager}, which thinks and thinks`);
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  await house.until(
    "the objective to be done",
    async () => (await objectiveOf(house)).status === "done",
  );
  await house.until("its workspaces to be collected", async () => {
    const own = (await sessionsOf(house)).filter(({ id }) => id.startsWith(OBJECTIVE));
    return own.every(({ workspace }) => workspace.state === "archived");
  });
  seen.shown = (await house.ao("objective", "show", OBJECTIVE)).words;
}
