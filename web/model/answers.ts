// Answers
//
// What the pages read of the daemon's answers; the whole of each is in its OpenAPI document.

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** What a timer will bring. */
export interface Coming {
  readonly name: string;
  readonly what: string;
  readonly at: number;
}

/** `GET /board`. */
export interface Line {
  readonly address: string;
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly status: string;
  readonly reason: string;
  /** Whose turn it is. */
  readonly attention: "needs" | "moving" | "resting" | "ended";
  readonly since: number;
  readonly next: Coming | null;
  readonly parent: string | null;
  readonly states: readonly string[];
  readonly seq: number;
  readonly updatedAt: number;
  readonly isDone: boolean;
  readonly isQuarantined: boolean;
  readonly facts: Readonly<Record<string, Json>>;
}

export interface BoardPage {
  readonly lines: readonly Line[];
  readonly next: string | null;
  readonly head: number;
  readonly at: number;
}

/** What waits with an actor, and what a person may do with it. */
export interface Present {
  readonly machine: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly isQuarantined: boolean;
  readonly strikes: number;
  /** What a person may do with it as it stands. */
  readonly offers: readonly string[];
  readonly timers: readonly Coming[];
  readonly outbox: readonly {
    readonly id: string;
    readonly order: { readonly type: string; readonly name?: string; readonly to?: string };
    readonly attempts: number;
    readonly nextAt: number;
    readonly lastError?: string;
  }[];
  readonly mailbox: readonly {
    readonly id: string;
    readonly from: string;
    readonly name: string;
    readonly at: number;
    readonly attempts: number;
  }[];
}

export interface OrderNote {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly to?: string;
}

/** One step, as journal and event stream tell it. */
export interface Step {
  readonly address: string;
  readonly seq: number;
  readonly globalSeq: number;
  readonly message: {
    readonly id: string;
    readonly type: string;
    readonly at: number;
    readonly from?: string;
    readonly cause?: string;
    readonly epoch?: number;
    readonly data: Json;
  };
  readonly value?: Json;
  readonly was?: Json;
  readonly isNoop: boolean;
  readonly orders: readonly OrderNote[];
  readonly committedAt: number;
}

/** `GET /actors/:kind/:id/timeline`. */
export interface Tick {
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly isMove: boolean;
  readonly isNoop: boolean;
  readonly isTrouble: boolean;
  readonly orders: number;
}

export interface Move {
  readonly event: string;
  readonly source: string;
  readonly targets: readonly string[];
  readonly actions: readonly string[];
  readonly guard: string | null;
  readonly verdict: "open" | "yes" | "no" | "unknown";
  readonly askedWith: number | null;
}

/** `GET /actors/:kind/:id/frames/:seq/moves`. */
export interface ExplainedMove extends Move {
  readonly reads: readonly { readonly path: string; readonly value: Json }[];
  readonly words: string | null;
}

/** `GET /actors/:kind/:id/frames/:seq`. */
export interface Frame {
  readonly address: string;
  readonly seq: number;
  readonly last: number;
  readonly step: Step | null;
  /** The first step that the program of today takes elsewhere than it was taken. */
  readonly divergedAt?: number;
  readonly value: Json;
  readonly context: Json;
  readonly before: { readonly value: Json; readonly context: Json } | null;
  readonly states: readonly {
    readonly path: string;
    readonly since: { readonly seq: number; readonly at: number } | null;
  }[];
  readonly moves: readonly Move[];
  /** The last steps that went to another state, newest first. */
  readonly trail: readonly {
    readonly seq: number;
    readonly at: number;
    readonly event: string;
    readonly was: Json;
    readonly value: Json;
  }[];
  readonly ends: readonly OrderEnd[];
  /** Read together with the step; null unless it was the newest. */
  readonly present: Present | null;
}

export interface OrderEnd {
  readonly id: string;
  readonly type: "open" | "done" | "failed" | "arrived" | "dead" | "unknown";
  readonly address?: string;
  readonly seq?: number;
  readonly at?: number;
}

/** `POST /actors/:kind/:id/at/:seq/what-if`. */
export interface WhatIf {
  readonly value: Json;
  readonly context: Json;
  readonly was: Json;
  readonly contextBefore: Json;
  readonly orders: readonly { readonly type: string; readonly [key: string]: Json }[];
  readonly isNoop: boolean;
  readonly error?: string;
}

export interface ChartTransition {
  readonly event: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  readonly source: string;
  readonly target: string | null;
}

export interface ChartNode {
  readonly id: string;
  readonly parent: string | null;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "any" | "start";
  readonly name: string;
  readonly description: string;
  readonly entry: readonly string[];
  readonly hears: readonly ChartTransition[];
  readonly isCollapsed: boolean;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ChartEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** A part of an arrow out of "any state". */
  readonly isUsual?: true;
  readonly transitions: readonly ChartTransition[];
  /** Where it was given a way: its corners, and the path through them; else empty. */
  readonly points: readonly (readonly [number, number])[];
  readonly way: string;
  readonly label: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly lines: readonly string[];
  } | null;
}

/** `GET /machines/:kind/layout`. */
export interface Layout {
  readonly kind: string;
  readonly version: number;
  readonly hash: string;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
}

/** `GET /machines/:kind/fleet`. */
export interface Fleet {
  readonly total: number;
  readonly states: readonly { readonly path: string; readonly count: number }[];
  readonly moves: readonly {
    readonly event: string;
    readonly was: Json;
    readonly value: Json;
    readonly count: number;
  }[];
  readonly since: number | null;
}

/** One link of `GET /causes/:id`. */
export interface Cause {
  readonly id: string;
  readonly type: "observation" | "command" | "mail" | "timer" | "result" | "order";
  readonly name: string;
  readonly at: number;
  readonly address?: string;
  readonly seq?: number;
  readonly data: Json;
  /** The head of a pull request that came with it, whose review the chain leads to. */
  readonly brings?: { readonly prUrl: string; readonly headSha: string };
}

/** One supervisor of `GET /supervision`. */
export interface Supervisor {
  readonly name: string;
  readonly address?: string;
  readonly phase: string;
  readonly strategy: string;
  readonly intensity: number;
  readonly periodMs: number;
  readonly restarts: Readonly<Record<string, number>>;
  readonly dueAt: number | null;
  readonly parts: readonly {
    readonly id: string;
    readonly address?: string;
    readonly epoch: number;
    readonly state: string;
    readonly lastCause?: string;
    readonly error?: string;
  }[];
  readonly pokes?: readonly {
    readonly n: number;
    readonly at: number;
    readonly after: string;
    readonly state: string;
    readonly outcome: string;
  }[];
}

/** The supervisor tick of `GET /supervision`. */
export interface SupervisorTick {
  readonly address: string;
  readonly ticks: number;
  readonly lastTick: { readonly at: number; readonly due: number; readonly active: number } | null;
  readonly repairs: Readonly<Record<string, number>>;
  readonly held: number;
  readonly queue: readonly {
    readonly worker: string;
    readonly objective: string;
    readonly reason: string;
  }[];
}

/** `GET /intake`. */
export interface Books {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly dead: number;
  readonly lag: number;
  readonly outbox: number;
  readonly timers: number;
  readonly globalSeq: number;
  readonly isBalanced: boolean;
}

export interface Letter {
  readonly id: number;
  readonly at: number;
  readonly code: string;
  readonly message: string;
  readonly subject: string;
  readonly to?: string;
  readonly body: string;
  readonly retries: number;
}

/** `GET /readyz`. */
export interface Ready {
  readonly isReady: boolean;
  readonly version: string;
  readonly parts: readonly {
    readonly name: string;
    readonly state: string;
    readonly reason?: string;
  }[];
}

/** One run of `GET /sessions/:id/reviews`. */
export interface ReviewRun {
  readonly id: string;
  readonly prUrl: string;
  readonly targetSha: string;
  readonly harness: string;
  /** The terminal that it was given to; empty before that. */
  readonly reviewerHandleId: string;
  readonly epoch: number | null;
  readonly status: string;
  readonly failReason?: string;
  /** Of its last attempt, while it is tried again. */
  readonly retryReason?: string;
  readonly detail?: string;
  readonly verdict: string;
  readonly body: string;
  readonly attempt: number;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly submittedAt?: number;
  readonly deliveredAt?: number;
}

/** One line of `GET /pulls`. */
export interface OpenPull {
  readonly projectId: string;
  readonly number: number;
  readonly title: string;
  readonly url: string;
  readonly headRef: string;
  readonly baseRef: string;
  readonly checks: "none" | "pending" | "passing" | "failing";
  readonly reviewDecision: "none" | "required" | "approved" | "changes_requested";
  readonly mergeable: boolean | null;
  readonly stackedOn: number | null;
  readonly session: { readonly id: string; readonly status: string } | null;
  readonly stage: "ready" | "blocked" | "waits";
  readonly status: string;
  readonly reason: string;
  readonly updatedAt: number;
}
