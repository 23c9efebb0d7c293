// Unheard
//
// An agent without hooks tells nobody that it has begun: that it runs is all there is to know, and its session counts as
// starting until it speaks. Lists and boards say so in these words.

/** Why a session is still starting though its program runs; undefined for every other. */
export function unheardWords(session: {
  readonly status: string;
  readonly harness: string;
  /** Whether its program runs. */
  readonly isLive: boolean;
}): string | undefined {
  const { status, harness, isLive } = session;
  if (status !== "spawning" || !isLive || harness !== "command") return undefined;
  return "it runs, and has not spoken yet: it may call ao hook command active|idle";
}
