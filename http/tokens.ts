import { createHash, createHmac, timingSafeEqual } from "node:crypto";

// Tokens
//
// What a launched agent proves itself with: its session and epoch, signed. Nothing is stored.
//
//   K1. A token verifies only under the secret that minted it, unchanged in every character.
//   K2. Comparing takes the same time wherever the difference is.
//   K3. One that was given before the store was replaced speaks for nobody: its session and epoch are another's by now.

/** Whom a session token speaks for. */
export interface SessionClaim {
  readonly sessionId: string;
  readonly epoch: number;
}

export interface SessionTokens {
  /** A token for one incarnation of one session. */
  mint(sessionId: string, epoch: number): string;
  /** Undefined when the token was not minted with this secret. */
  verify(token: string): SessionClaim | undefined;
}

/** Names the generation of the store; "" for one from before there were any. */
type Generation = () => string;

/** Session tokens under one secret; keep the secret for as long as agents should be believed. */
export function sessionTokens(secret: string, generation: Generation = noName): SessionTokens {
  const sign = signer("ao.session.", secret, generation);
  return {
    mint: (sessionId, epoch) => {
      const payload = `${sessionId}.${epoch}`;
      return `ao1.${payload}.${sign(payload)}`;
    },
    verify: (token) => {
      const match = /^ao1\.([A-Za-z0-9_-]{1,64})\.(0|[1-9]\d{0,14})\.([\w-]{43})$/.exec(token);
      const [, sessionId = "", epoch = "", signature = ""] = match ?? [];
      if (match === null || !isSame(signature, sign(`${sessionId}.${epoch}`))) return undefined;
      return { sessionId, epoch: Number(epoch) };
    },
  };
}

function noName(): string {
  return "";
}

function signer(use: string, secret: string, generation: Generation): (payload: string) => string {
  return (payload) => {
    const name = generation();
    const signed = name === "" ? `${use}${payload}` : `${use}${payload}@${name}`;
    return createHmac("sha256", secret).update(signed).digest("base64url");
  };
}

/** Whether two secrets are equal, in constant time (K2). */
export function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Whom a reviewer's token speaks for. */
export interface ReviewerTokenClaim {
  /** The session whose work it reviews. */
  readonly sessionId: string;
  /** Its terminal. */
  readonly terminal: string;
  readonly epoch: number;
}

export interface ReviewerTokens {
  /** A token for one incarnation of one reviewer. */
  mint(claim: ReviewerTokenClaim): string;
  /** Undefined when the token was not minted with this secret. */
  verify(token: string): ReviewerTokenClaim | undefined;
}

/** Tokens of reviewers under one secret. One never passes for a session's, nor a session's for one. */
export function reviewerTokens(secret: string, generation: Generation = noName): ReviewerTokens {
  const sign = signer("ao.review.", secret, generation);
  return {
    mint: ({ sessionId, terminal, epoch }) => {
      const payload = `${sessionId}.${terminal}.${epoch}`;
      return `aor1.${payload}.${sign(payload)}`;
    },
    verify: (token) => {
      const match =
        /^aor1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})\.([1-9]\d{0,14})\.([\w-]{43})$/.exec(
          token,
        );
      const [, sessionId = "", terminal = "", epoch = "", signature = ""] = match ?? [];
      if (match === null || !isSame(signature, sign(`${sessionId}.${terminal}.${epoch}`))) {
        return undefined;
      }
      return { sessionId, terminal, epoch: Number(epoch) };
    },
  };
}
