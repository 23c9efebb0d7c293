/* oxlint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-argument -- looks into bodies of every shape */
import { describe, expect, it } from "vitest";
import { signIn } from "../../http/sign-in.ts";
import { PAGES } from "../../http/web.ts";
import { OWNER, served, withProject, withSession } from "../support/http.ts";

describe("the pages", () => {
  it.each(PAGES)("%s needs no token, and may load nothing from elsewhere (B1, B2)", async (url) => {
    const { app } = await served();
    const path = url.replace(":kind", "session").replace(":id", "mer-1");
    const { statusCode, headers, body } = await app.inject(path);
    const policy = String(headers["content-security-policy"]);
    expect([statusCode, headers["content-type"], headers["cache-control"]]).toEqual([
      200,
      "text/html; charset=utf-8",
      "no-store",
    ]);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|http:/);
    expect(headers["referrer-policy"]).toBe("no-referrer");
    expect(body).not.toMatch(/<style|style=|<script(?![^>]* src="\/)/);
  });

  it.each(["/nowhere", "/actors/session", "/<b>?x=1", "/%E0%A4%A"])(
    "are not at %s, and a browser is told so in one, without a token (B3)",
    async (url) => {
      const { app } = await served();
      const accept = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
      const at = url.includes("%") ? url : encodeURI(url);
      const [page, shell] = [
        await app.inject({ url: at, headers: { accept } }),
        await app.inject("/"),
      ];
      expect([page.statusCode, page.body]).toEqual([404, shell.body]);
      expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
      const program = await app.inject({ url: at });
      expect([400, 401]).toContain(program.statusCode);
      expect(program.json()).toHaveProperty("code");
      const api = await app.inject({ url: "/api/v1/nowhere", headers: { accept } });
      expect(api.statusCode).toBe(401);
    },
  );

  it("are the only things that are open beside health and the sign-in", async () => {
    const { app } = await served();
    expect((await app.inject("/assets/..%2f..%2fpackage.json")).statusCode).toBe(400);
    expect((await app.inject("/assets/none.js")).json()).toMatchObject({ code: "ROUTE_UNKNOWN" });
    expect((await app.inject("/api/v1/board")).statusCode).toBe(401);
    expect((await app.inject("/api/v1/changes")).statusCode).toBe(401);
  });
});

describe("signing in", () => {
  it("gives the token of a page for a code, once (I1)", async () => {
    const server = await served();
    const { body } = await server.request("POST", "/web/codes", {});
    const exchange = async () =>
      server.app.inject({
        method: "POST",
        url: "/api/v1/web/tokens",
        payload: { code: body.code },
      });
    const first = await exchange();
    const { token } = first.json<{ token: string }>();
    const headers = { authorization: `Bearer ${token}` };
    expect([
      first.statusCode,
      (await server.request("GET", "/board", undefined, headers)).status,
    ]).toEqual([201, 200]);
    expect((await exchange()).statusCode).toBe(401);
    expect(token).not.toContain(OWNER);
  });

  it("refuses a code after a minute, and a token after a week (I1, I2)", () => {
    const sign = signIn(OWNER);
    const { code } = sign.code(0);
    expect(() => sign.exchange(code, 60_001)).toThrow("older than a minute");
    const { token, expiresAt: ends } = sign.exchange(sign.code(0).code, 1);
    expect([sign.verify(token, ends - 1), sign.verify(token, ends)]).toEqual([true, false]);
  });

  it("holds for an hour longer, and refuses nobody, when the clock goes back an hour", () => {
    const sign = signIn(OWNER);
    const now = 10 * 3_600_000;
    const { token } = sign.exchange(sign.code(now).code, now);
    const back = now - 3_600_000;
    const later = sign.exchange(sign.code(now).code, back);
    expect([sign.verify(token, back), sign.verify(later.token, back)]).toEqual([true, true]);
    expect(sign.verify(sign.exchange(sign.code(back).code, back).token, now)).toBe(true);
  });

  it("outlives the daemon, and not its secrets (I2)", () => {
    const before = signIn(OWNER);
    const { token } = before.exchange(before.code(0).code, 0);
    const changed = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    expect([
      signIn(OWNER).verify(token, 1),
      signIn("another").verify(token, 1),
      signIn(OWNER).verify(changed, 1),
    ]).toEqual([true, false, false]);
  });

  it("gives an agent no code", async () => {
    const server = await served();
    await withProject(server);
    const id = await withSession(server);
    const headers = { authorization: `Bearer ${server.tokens.mint(id, 1)}` };
    expect((await server.request("POST", "/web/codes", {}, headers)).status).toBe(403);
  });
});
