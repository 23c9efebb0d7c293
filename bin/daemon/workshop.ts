import type { Clock } from "../../actors/clock.ts";
import type { Boundary } from "../../actors/host.ts";
import type { Part } from "../../actors/part-run.ts";
import type { PartsTree } from "../../actors/parts.ts";
import type { NatsEndpoint } from "../../bus/nats-endpoint.ts";
import type { NatsServer } from "../../bus/nats-server.ts";
import type { ReviewerTokens, SessionTokens } from "../../http/tokens.ts";
import type { Settings } from "../../machines/settings.ts";
import type { Bell } from "../../probes/bell.ts";
import type { HomeGuard } from "./home-guard.ts";
import type { Outside } from "./outside.ts";

/** What a daemon is started with. */
export interface DaemonOptions {
  readonly home: string;
  /** argv that runs this very `ao`, for the shim that agents call. */
  readonly entry: readonly string[];
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** One line for people. */
  readonly log: (line: string) => void;
  readonly seams?: Partial<Seams>;
}

/** Where a test steps in between the daemon and what it is made of, to kill it there or to let it fail. */
export interface Seams {
  /** Called at each boundary of the message path. */
  readonly onBoundary: (boundary: Boundary) => void;
  /** What the daemon is given for the outside world. */
  readonly outside: (real: Outside) => Outside;
  /** What a supervisor is given for a part of the core. */
  readonly part: (real: Part) => Part;
}

/** Those of a daemon in which nobody steps in. */
export const NO_SEAMS: Seams = {
  onBoundary: () => {},
  outside: (real) => real,
  part: (real) => real,
};

/** What the parts of the core share: what was given, and what each leaves for those after it. */
export interface Workshop extends DaemonOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly token: string;
  readonly sessionTokens: SessionTokens;
  readonly reviewerTokens: ReviewerTokens;
  readonly outside: Outside;
  readonly guard: HomeGuard;
  /** Of the probes that look at GitHub, by project. */
  readonly bells: Map<string, Bell>;
  readonly seams: Seams;
  /** Where NATS is: given, or our own server. */
  readonly nats: {
    readonly endpoint: NatsEndpoint | undefined;
    own?: NatsEndpoint;
    server?: NatsServer;
  };
  /** Where HTTP answers. */
  address: string | undefined;
  trees: () => readonly PartsTree[];
  /** What the core stands on: our own nats-server, if it is ours. */
  bases: () => readonly PartsTree[];
}
