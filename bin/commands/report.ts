import { randomUUID } from "node:crypto";
import { Failure } from "../../machines/failures.ts";
import { agentOf, client } from "../client.ts";
import { homeOf } from "../run-file.ts";
import { EXIT } from "../exit.ts";
import { print, type Output } from "../output.ts";
import { spool } from "../spool.ts";
import { spooledId } from "./hook.ts";

/** Tells how a session's work ended; spooled when the daemon is down. Fails with MALFORMED outside of a session. */
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
  const data = { summary, outcome };
  const key = randomUUID();
  try {
    const answer = await client(env).request("POST", `/sessions/${sessionId}/report`, {
      body: data,
      key,
    });
    print(output, answer, () => `reported: ${outcome}`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "DAEMON_DOWN") throw error;
    const isOwn = agent?.token !== undefined;
    const file = spool(homeOf(env), {
      type: "command",
      id: spooledId(isOwn ? agent.sessionId : undefined, key),
      at: Date.now(),
      to: `session/${sessionId}`,
      name: "session.report",
      ...(isOwn && agent.epoch !== undefined ? { epoch: agent.epoch } : {}),
      data,
    });
    print(output, { queued: file }, () => "the daemon is down: the report is kept until it starts");
    return EXIT.queued;
  }
}
