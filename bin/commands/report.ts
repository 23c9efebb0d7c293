import { Failure } from "../../machines/failures.ts";
import { agentOf } from "../cli/client.ts";
import { EXIT } from "../cli/exit.ts";
import { offerOrSpool } from "../cli/offer.ts";
import { print, type Output } from "../cli/output.ts";

/** Tells how a session's work ended; spooled when the daemon cannot take it. Fails with MALFORMED outside of a session. */
export async function report(
  output: Output,
  options: { summary: string; outcome: string; session?: string },
): Promise<number> {
  const { env } = process;
  const agent = agentOf(env);
  const sessionId = options.session ?? agent?.sessionId;
  if (sessionId === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(sessionId)) {
    throw new Failure("MALFORMED", "report for no session: give --session, or set AO_SESSION_ID");
  }
  const { summary, outcome } = options;
  // Said before it is kept for later: then nobody is there any more to be told.
  if (summary.trim() === "") {
    throw new Failure("MALFORMED", "report without a result: say in --summary what was done");
  }
  const data = { summary, outcome };
  const isFenced = agent?.token !== undefined && agent.epoch !== undefined;
  const offered = await offerOrSpool(env, {
    path: `/sessions/${sessionId}/report`,
    body: data,
    message: (id, at) => ({
      type: "command",
      id,
      at,
      to: `session/${sessionId}`,
      name: "session.report",
      ...(isFenced && { epoch: agent.epoch }),
      data,
    }),
  });
  if (offered.type === "answered") {
    print(output, offered.answer, () => `reported: ${outcome}`);
    return EXIT.done;
  }
  print(
    output,
    { queued: offered.file },
    () => "the daemon cannot take it now: the report is kept until it can",
  );
  return EXIT.queued;
}
