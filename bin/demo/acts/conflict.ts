import { CARELESS, LISTER, pullFor, runsOf } from "../views.ts";
import { isMergeable, merged, pullOnce, written, type Play } from "./act.ts";

/** A check fails and is mended; what is merged then conflicts with somebody else's work, who is told and rebases. */
export async function conflict(play: Play): Promise<void> {
  const { house, person } = play;
  await written(play, CARELESS, "told check");
  await written(play, CARELESS, "pushed Mend thanks.sh");
  await pullOnce(play, "thanks", { what: "to pass its check", is: isMergeable });
  person(`asks for a review of ${CARELESS}`);
  await house.post(`/sessions/${CARELESS}/reviews/trigger`);
  await house.until("the review of thanks.sh", async () =>
    (await runsOf(house, CARELESS)).some(({ verdict }) => verdict === "approved"),
  );
  await house.until(
    "the approval of thanks.sh",
    async () => ((await pullFor(house, "thanks"))?.reviewDecision ?? "") === "approved",
  );
  await pullOnce(play, "welcome", { what: "to be ready", is: isMergeable });
  await merged(play, "thanks", { unreviewed: false });
  await written(play, LISTER, "rebased welcome");
  await pullOnce(play, "welcome", { what: "to be ready again", is: isMergeable });
  await merged(play, "welcome", { unreviewed: true });
}
