import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import files from "@fastify/static";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import type { App } from "./edge.ts";

// Web
//
// The pages: one shell, the same at every address, and the files it names. They hold no secret and ask for no token;
// what they show they ask of the API.
//
//   B1. The policy lets a page load, and speak to, this daemon alone; no script and no style stands in the page itself.
//   B2. A name with a hash in it may be kept for ever; the shell never.
//   B3. A browser is never told in any other way that there is nothing at an address.

/** Where the shell is served: what people link to. */
export const PAGES: readonly string[] = [
  "/",
  "/actors/:kind/:id",
  "/causes/:id",
  "/health",
  "/machines",
  "/machines/:kind",
  "/pulls",
  "/supervision",
  "/terminals",
];
/** Reached without a token. */
export const OPEN_PAGES: readonly string[] = [...PAGES, "/assets/:file", "/icon.svg"];

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** Made by `npm run bundle`; the same place beside the sources and beside the compiled code. */
const BUNDLE = fileURLToPath(new URL("../web/bundle/", import.meta.url));
const YEAR_MS = 31_536_000_000;

/** The pages of the bundle; without one, a page that says how to make it. */
export async function webRoutes(app: App, bundle = BUNDLE): Promise<void> {
  await app.register(files, { root: bundle, serve: false, cacheControl: false });
  const tags = ["web"];
  const html = z.string().meta({ description: "text/html" });
  for (const url of PAGES) {
    const schema = { tags, summary: "The pages", response: { 200: html } };
    app.get(url, { schema }, async (_request, reply) => sendShell(reply, bundle));
  }
  app.get(
    "/assets/:file",
    {
      schema: {
        tags,
        summary: "Scripts and styles of the pages",
        params: z.object({ file: z.string().regex(/^[\w.-]{1,128}$/) }),
        response: { 200: z.string() },
      },
    },
    async ({ params: { file } }, reply) => {
      if (!existsSync(join(bundle, "assets", file))) {
        throw new Failure("ROUTE_UNKNOWN", `there is no GET /assets/${file}`);
      }
      const kept = { maxAge: YEAR_MS, immutable: true, cacheControl: true };
      return secured(reply).sendFile(join("assets", file), kept);
    },
  );
  app.get(
    "/icon.svg",
    { schema: { tags, summary: "The icon of the pages", response: { 200: z.string() } } },
    async (_request, reply) => {
      const icon = "image/svg+xml; charset=utf-8";
      return secured(reply).header("content-type", icon).serializer(String).send(ICON);
    },
  );
}

/** Whether somebody who looks at pages asked for one: then the answer is a page, too. */
export function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  return (
    method === "GET" && !url.startsWith("/api/") && /\btext\/html\b/.test(headers.accept ?? "")
  );
}

/** The shell at an address of none of the pages: it says so, and leads to those that there are. */
export async function sendMissing(reply: FastifyReply): Promise<FastifyReply> {
  return sendShell(reply.code(404), BUNDLE);
}

function secured(reply: FastifyReply): FastifyReply {
  return reply.headers(HEADERS);
}

async function sendShell(reply: FastifyReply, bundle: string): Promise<FastifyReply> {
  const page = await readFile(join(bundle, "index.html"), "utf8").catch(() => UNBUILT);
  return secured(reply)
    .header("content-type", "text/html; charset=utf-8")
    .header("cache-control", "no-store")
    .serializer(String)
    .send(page);
}

const UNBUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ao</title>
<h1>ao</h1>
<p>The daemon runs; its pages were not built. Run <code>npm run bundle</code>, then load this again.</p>
<p>The API is under <code>/api/v1</code>; <a href="/openapi.json">/openapi.json</a> tells all of it.</p>
</html>
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d4ed8"/><g fill="none" stroke="#fff" stroke-width="2.6"><rect x="6" y="10" width="9" height="12" rx="3"/><rect x="20" y="10" width="6" height="12" rx="3"/><path d="M15 16h5"/></g></svg>
`;
