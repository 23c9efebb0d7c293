import type { Address } from "../../machines/ids.ts";
import type { Told } from "../support/step.ts";

/** What a terminal is told by its session, in tests. */
export function startTerminal(epoch: number): Told {
  const launch = {
    cwd: "/srv/tree",
    argv: ["true"],
    env: {},
    prompt: "mend it",
    identity: { sessionId: "mer-1", projectId: "mer" },
  };
  return { type: "child.start", from: "session/mer-1", data: { epoch, launch } };
}

export function startWorkspace(epoch: number): Told {
  const spec = { projectId: "mer", repo: "/srv/repo", branch: "ao/mer-1", baseRef: "main" };
  return { type: "child.start", from: "session/mer-1", data: { epoch, spec } };
}

export function stopChild(epoch: number): Told {
  return { type: "child.stop", from: "session/mer-1", data: { epoch, shutdownMs: 50 } };
}

export function startSession(more: Record<string, unknown> = {}): Told {
  const data = {
    projectId: "mer",
    root: "/srv/repo",
    scm: "local",
    baseRef: "main",
    branch: "ao/mer-1",
    kind: "worker",
    harness: "command",
    argv: ["true"],
    prompt: "mend it",
    ...more,
  };
  return { type: "session.start", from: "project/mer", data };
}

export const workspaceStarted: Told = {
  type: "child.started",
  from: "workspace/mer-1",
  data: { epoch: 1, path: "/srv/tree", branch: "ao/mer-1", headSha: "aaa", baseSha: "aaa" },
};

export function terminalStarted(epoch: number): Told {
  return { type: "child.started", from: "terminal/mer-1", data: { epoch, pid: 7 } };
}

export function terminalExited(epoch: number, more: Record<string, unknown> = {}): Told {
  const data = { epoch, cause: "clean", exitCode: 0, ...more };
  return { type: "child.exited", from: "terminal/mer-1", data };
}

export function childStopped(
  child: "terminal" | "workspace",
  more: Record<string, unknown> = {},
): Told {
  return { type: "child.stopped", from: `${child}/mer-1`, data: { epoch: 1, ...more } };
}

/** What the host says to a sender whose mail became a dead letter. */
export function died(to: Address, name: string, code = "STEP_THREW"): Told {
  const data = { order: "x#1.0", to, name, code, message: `give ${name} to ${to}: it broke` };
  return { type: "mail.undeliverable", from: to, data };
}

/** A failed effect, in short. */
export function failed(name: string, more: Partial<Told> = {}): Told {
  const data = { effectId: "x#1.0", code: "GIT_FAILED", message: "no", attempts: 3 };
  return { type: `${name}.failed`, data, ...more };
}

export function done(name: string, result: unknown, more: Partial<Told> = {}): Told {
  return { type: `${name}.done`, data: { effectId: "x#1.0", result }, ...more };
}

export const launched = done("launchTerminal", { pid: 7, adopted: false });
export const destroyed = done("destroyTerminal", { killed: 1 });
export const typedText = done("typeText", { repeated: false });

export function deliver(deliveryId: string, epoch = 1): Told {
  const data = { deliveryId, text: "go on", epoch };
  return { type: "terminal.deliver", from: "session/mer-1", data };
}

/** A pull request as any forge tells it. */
export function pullRequest(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    url: "ao://mer/pull/1",
    number: 1,
    title: "Mend it",
    state: "open",
    headSha: "aaa",
    headRef: "ao/mer-1",
    baseRef: "main",
    ci: { state: "none" },
    reviewDecision: "none",
    comments: [],
    mergeable: null,
    updatedAt: 1,
    ...more,
  };
}

export function scm(...prs: Record<string, unknown>[]): Told {
  return { type: "scm.observed", data: { fetched: true, prs } };
}
