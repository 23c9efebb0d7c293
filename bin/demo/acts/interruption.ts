import { diaryOf } from "../stage.ts";
import { DRAFTER, pidOf, sessionOf } from "../views.ts";
import { written, type Play } from "./act.ts";

/** A session is killed in the middle of its work, restored with all of it, and killed again. */
export async function interruption(play: Play): Promise<void> {
  const { house, stage, person, seen } = play;
  seen.draft = (await written(play, DRAFTER, "drafted")).split(" ")[1] ?? "";
  await killed(play);
  person(`restores ${DRAFTER}`);
  await house.post(`/sessions/${DRAFTER}/restore`);
  await written(play, DRAFTER, "found notes");
  await house.until(`${DRAFTER} to be back`, async () => {
    const session = await sessionOf(house, DRAFTER);
    return session?.terminal.state === "live" && session.terminal.epoch === 2;
  });
  await killed(play);
  person(`is told by ${DRAFTER}: ${diaryOf(stage, DRAFTER).at(-1)}`);
}

async function killed({ house, person, seen }: Play): Promise<void> {
  await house.until(`${DRAFTER} to run`, async () => {
    const pid = await pidOf(house, DRAFTER);
    if (pid !== undefined) seen.ended.push(pid);
    return pid !== undefined;
  });
  person(`kills ${DRAFTER}`);
  await house.post(`/sessions/${DRAFTER}/kill`);
  await house.until(`${DRAFTER} to be gone`, async () => {
    const session = await sessionOf(house, DRAFTER);
    return session?.terminal.state === "stopped" && session.workspace.state === "archived";
  });
}
