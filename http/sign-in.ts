import { createHmac, randomBytes } from "node:crypto";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import type { App } from "./edge.ts";
import { Empty } from "./schemas.ts";
import { isSame } from "./tokens.ts";

// Sign-in
//
// How a browser gets to speak for the owner without ever holding the owner's token (docs/decisions/0019-sign-in.md).
//
//   I1. A code is good once and for a minute; it stands in the fragment of a link, which no browser sends.
//   I2. A page's token is signed and ends by itself; a restart of the daemon does not end it, new secrets do.
//   I3. There is no cookie: one of this host would go to every other server on it, the agents' own too.

const CODE_MS = 60_000;
const TOKEN_MS = 7 * 86_400_000;
/** Codes that nobody used yet; the oldest gives way. */
const MOST_CODES = 32;

export interface SignIn {
  /** A code, and when it ends, milliseconds since 1970. */
  code(now: number): { readonly code: string; readonly expiresAt: number };
  /** A page's token for a code, which is spent. Fails with UNAUTHORIZED. */
  exchange(code: string, now: number): { readonly token: string; readonly expiresAt: number };
  /** Whether a token is of a page that was signed in here, and not over yet. */
  verify(token: string, now: number): boolean;
}

/** Signing in under the owner's token. */
export function signIn(ownerToken: string): SignIn {
  const codes = new Map<string, number>();
  const sign = (payload: string): string =>
    createHmac("sha256", ownerToken).update(`ao.page.${payload}`).digest("base64url");
  return {
    code(now) {
      const code = randomBytes(18).toString("base64url");
      const expiresAt = now + CODE_MS;
      codes.set(code, expiresAt);
      const [oldest] = codes.keys();
      if (codes.size > MOST_CODES && oldest !== undefined) codes.delete(oldest);
      return { code, expiresAt };
    },
    exchange(code, now) {
      const expiresAt = codes.get(code);
      codes.delete(code);
      if (expiresAt === undefined || expiresAt < now) {
        throw new Failure("UNAUTHORIZED", "the code was used already, or is older than a minute");
      }
      const ends = now + TOKEN_MS;
      const payload = `${ends}.${randomBytes(9).toString("base64url")}`;
      return { token: `aop1.${payload}.${sign(payload)}`, expiresAt: ends };
    },
    verify(token, now) {
      const match = /^aop1\.((\d{1,15})\.[\w-]{12})\.([\w-]{43})$/.exec(token);
      const [, payload = "", ends = "0", signature = ""] = match ?? [];
      return match !== null && isSame(signature, sign(payload)) && Number(ends) > now;
    },
  };
}

const tags = ["web"];

/** A code for the owner, and a page's token for a code. */
export function signInRoutes(app: App, sign: SignIn, now: () => number): void {
  app.post(
    "/web/codes",
    {
      schema: {
        tags,
        summary: "A code that signs a browser in, once, within a minute: `/#code=…`",
        body: Empty,
        response: { 201: z.object({ code: z.string(), expiresAt: z.number() }) },
      },
    },
    async (_request, reply) => reply.code(201).send(sign.code(now())),
  );

  app.post(
    "/web/tokens",
    {
      schema: {
        tags,
        summary: "Exchange a code for the token of a page; asks for no other token",
        body: z.strictObject({ code: z.string().max(128) }),
        response: { 201: z.object({ token: z.string(), expiresAt: z.number() }) },
      },
    },
    async ({ body }, reply) => reply.code(201).send(sign.exchange(body.code, now())),
  );
}
