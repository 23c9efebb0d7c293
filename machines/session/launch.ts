import type { LaunchSpec } from "../effects.ts";
import { agentLaunch } from "../harness/harnesses.ts";
import { fingerprint } from "../fingerprint.ts";
import type { SessionContext } from "./record.ts";

// Session launch
//
// What the terminal of a session runs at one epoch: the agent's own conversation again where it had one, else its prompt.

// The conversation is the agent's own again, but the turn that was under way is lost.
const GO_ON =
  "Your process ended in the middle of your work and was started again in the same conversation. Look at the state of your worktree, then go on with your task.";

/** What to run. One that was started again after a crash is told to go on; one that was restored waits for a word. */
export function sessionLaunch(context: SessionContext, epoch: number): LaunchSpec {
  const { id, projectId, objectiveId, env, prompt, workspace, harness, argv } = context;
  const { model, permissions, agentSessionId } = context;
  const cwd = workspace.path ?? context.root;
  const isAgain = context.terminal.epoch > 0 && context.terminal.state !== "absent";
  const again = isAgain ? GO_ON : "";
  const launch = agentLaunch(
    { harness, argv, model, permissions },
    {
      prompt: agentSessionId === null ? prompt : again,
      conversation: {
        id: agentSessionId ?? conversationIdOf(context, epoch),
        isResumed: agentSessionId !== null,
      },
      cwd,
    },
  );
  return {
    cwd,
    harness,
    argv: [...launch.argv],
    env: { ...launch.env, ...env },
    prompt,
    identity: { sessionId: id, projectId, ...(objectiveId !== undefined && { objectiveId }) },
    files: [...launch.files],
    typed: launch.typed,
    trust: launch.trust,
  };
}

/** A UUID that no other epoch, session or home has: made of what is never the same again. */
function conversationIdOf({ id, root, createdAt }: SessionContext, epoch: number): string {
  const name = `${root} ${id} ${createdAt} ${epoch}`;
  const hex = fingerprint(`conversation ${name}`) + fingerprint(`of ${name}`);
  const at = (from: number, to: number): string => hex.slice(from, to);
  return [at(0, 8), at(8, 12), `8${at(13, 16)}`, `8${at(17, 20)}`, at(20, 32)].join("-");
}
