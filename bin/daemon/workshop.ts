import type { Clock } from "../../actors/clock.ts";
import type { Boundary } from "../../actors/host.ts";
import type { Part } from "../../actors/part-run.ts";
import type { PartsTree } from "../../actors/parts.ts";
import type { NatsEndpoint } from "../../bus/nats-endpoint.ts";
import type { NatsServer } from "../../bus/nats-server.ts";
import type { ReviewerTokens, SessionTokens } from "../../http/tokens.ts";
import type { Settings } from "../../machines/settings.ts";
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
  /** Called at each boundary of the message path; for the tests that kill there. */
  readonly onBoundary?: (boundary: Boundary) => void;
  /** Puts something between the daemon and the outside world; for the tests that kill in the middle of an effect. */
  readonly wrapOutside?: (outside: Outside) => Outside;
  /** Puts something between a part of the core and its supervisor; for the tests that let it fail. */
  readonly wrapPart?: (part: Part) => Part;
}

/** What the parts of the core share: what was given, and what each leaves for those after it. */
export interface Workshop extends DaemonOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly token: string;
  readonly sessionTokens: SessionTokens;
  readonly reviewerTokens: ReviewerTokens;
  readonly outside: Outside;
  readonly guard: HomeGuard;
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
