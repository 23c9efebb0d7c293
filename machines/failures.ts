/** Every failure this program names. One row per code: what HTTP says, and whether trying again can help. */
export const FAILURES = {
  // The edge
  MALFORMED: { status: 400, retry: false },
  UNAUTHORIZED: { status: 401, retry: false },
  FORBIDDEN: { status: 403, retry: false },
  HOST_REFUSED: { status: 403, retry: false },
  ROUTE_UNKNOWN: { status: 404, retry: false },
  METHOD_UNKNOWN: { status: 405, retry: false },
  BODY_TYPE_UNKNOWN: { status: 415, retry: false },
  BODY_TOO_LARGE: { status: 413, retry: false },
  HEADERS_TOO_LARGE: { status: 431, retry: false },
  REQUEST_SLOW: { status: 408, retry: true },
  KEY_REUSED: { status: 422, retry: false },
  SEQ_UNKNOWN: { status: 404, retry: false },
  CAUSE_UNKNOWN: { status: 404, retry: false },
  LETTER_UNKNOWN: { status: 404, retry: false },
  STREAMS_FULL: { status: 429, retry: true },
  DEFECT: { status: 500, retry: false },
  MAILBOX_FULL: { status: 429, retry: true },
  NOT_READY: { status: 503, retry: true },
  // Intake
  BAD_JSON: { status: 400, retry: false },
  SUBJECT_UNKNOWN: { status: 404, retry: false },
  KIND_UNKNOWN: { status: 404, retry: false },
  TYPE_UNKNOWN: { status: 422, retry: false },
  SHAPE_WRONG: { status: 422, retry: false },
  ID_RESERVED: { status: 422, retry: false },
  MESSAGE_TOO_LARGE: { status: 413, retry: false },
  ACTOR_UNKNOWN: { status: 404, retry: false },
  ACTOR_TERMINAL: { status: 409, retry: false },
  ACTOR_QUARANTINED: { status: 409, retry: false },
  NOT_QUARANTINED: { status: 409, retry: false },
  EPOCH_STALE: { status: 403, retry: false },
  TIMER_STALE: { status: 409, retry: false },
  EPOCH_UNKNOWN: { status: 403, retry: false },
  STEP_THREW: { status: 500, retry: false },
  SNAPSHOT_REFUSED: { status: 500, retry: false },
  // Rules of the actors
  ALREADY_EXISTS: { status: 409, retry: false },
  PROJECT_PAUSED: { status: 409, retry: false },
  PROJECT_BUSY: { status: 409, retry: false },
  SESSION_TERMINATED: { status: 409, retry: false },
  SESSION_INCOMPLETE_HANDLE: { status: 409, retry: false },
  NOTICE_UNKNOWN: { status: 404, retry: false },
  SESSION_NOT_RESTORABLE: { status: 409, retry: false },
  SESSION_NOT_RESUMABLE: { status: 422, retry: false },
  TERMINAL_NOT_LIVE: { status: 409, retry: true },
  QUEUE_FULL: { status: 429, retry: true },
  LIMIT_REACHED: { status: 409, retry: false },
  COMMENT_UNKNOWN: { status: 404, retry: false },
  PULL_REQUEST_UNKNOWN: { status: 404, retry: false },
  PULL_REQUEST_FOREIGN: { status: 403, retry: false },
  PULL_REQUEST_ENDED: { status: 409, retry: false },
  NOT_MERGEABLE: { status: 409, retry: false },
  DEPENDENCY_UNKNOWN: { status: 422, retry: false },
  DEPENDENCY_CIRCULAR: { status: 422, retry: false },
  WORK_IS_OPEN: { status: 409, retry: false },
  OBJECTIVE_ENDED: { status: 409, retry: false },
  QUESTION_ENDED: { status: 409, retry: false },
  SCM_UNSUPPORTED: { status: 422, retry: false },
  HARNESS_UNKNOWN: { status: 422, retry: false },
  // Reviews
  INVALID_JSON: { status: 400, retry: false },
  INVALID_BODY: { status: 400, retry: false },
  UNKNOWN_REVIEWER_HARNESS: { status: 400, retry: false },
  AUTO_REVIEW_ENABLED_REQUIRED: { status: 400, retry: false },
  REVIEW_INVALID: { status: 422, retry: false },
  REVIEW_NOT_FOUND: { status: 404, retry: false },
  REVIEWER_BINARY_NOT_FOUND: { status: 422, retry: false },
  SUBMIT_TOKEN_INVALID: { status: 401, retry: false },
  // The daemon's own parts
  FOLDER_INVALID: { status: 422, retry: false },
  STORE_BUSY: { status: 503, retry: true },
  STORE_DAMAGED: { status: 500, retry: false },
  STORE_FULL: { status: 503, retry: true },
  STORE_READ_ONLY: { status: 503, retry: false },
  STORE_FORMAT: { status: 500, retry: false },
  STORE_CLOSED: { status: 503, retry: true },
  BUS_DOWN: { status: 503, retry: true },
  BUS_FULL: { status: 503, retry: true },
  BUS_REFUSED: { status: 503, retry: false },
  PORT_TAKEN: { status: 409, retry: false },
  HOME_LOST: { status: 503, retry: false },
  DAEMON_RUNNING: { status: 409, retry: false },
  DAEMON_DOWN: { status: 503, retry: true },
  CONFIG_INVALID: { status: 422, retry: false },
  // The outside
  EFFECT_UNKNOWN: { status: 500, retry: false },
  EFFECT_DEFECT: { status: 500, retry: false },
  PROGRAM_MISSING: { status: 503, retry: false },
  DEADLINE_PASSED: { status: 503, retry: true },
  TMUX_UNREACHABLE: { status: 503, retry: true },
  PANE_GONE: { status: 404, retry: false },
  PANE_FOREIGN: { status: 409, retry: false },
  AGENT_BINARY_NOT_FOUND: { status: 422, retry: false },
  LAUNCH_FAILED: { status: 422, retry: false },
  REPOSITORY_INVALID: { status: 422, retry: false },
  REPOSITORY_EMPTY: { status: 422, retry: false },
  REPOSITORY_LOCKED: { status: 503, retry: true },
  BRANCH_UNKNOWN: { status: 422, retry: false },
  BRANCH_CHECKED_OUT: { status: 409, retry: false },
  BRANCH_INVALID: { status: 422, retry: false },
  WORKSPACE_FOREIGN: { status: 409, retry: false },
  REMOTE_UNREACHABLE: { status: 503, retry: true },
  REMOTE_REFUSED: { status: 422, retry: false },
  FORGE_UNAUTHORIZED: { status: 503, retry: false },
  FORGE_REFUSED: { status: 422, retry: false },
  FORGE_LIMITED: { status: 503, retry: true },
  NOTIFY_FAILED: { status: 503, retry: true },
  NOTIFY_REFUSED: { status: 422, retry: false },
  GIT_FAILED: { status: 500, retry: false },
} as const satisfies Record<string, { readonly status: number; readonly retry: boolean }>;

export type FailureCode = keyof typeof FAILURES;

/** Something we could not do. The message says what was tried, on what, and what was seen instead. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly details: unknown;
  constructor(code: FailureCode, message: string, options?: ErrorOptions & { details?: unknown }) {
    super(message, options);
    this.code = code;
    this.details = options?.details;
  }

  /** Whether the same attempt can succeed later without anyone changing anything. */
  get isRetryable(): boolean {
    return FAILURES[this.code].retry;
  }
}
