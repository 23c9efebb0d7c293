import { ask } from "../cli/api.ts";
import { client } from "../cli/client.ts";
import { print, type Output } from "../cli/output.ts";

/** Prints a link that signs a browser in: once, within a minute. The token itself is never in a link. */
export async function tellLink(output: Output): Promise<void> {
  const { url } = client(process.env);
  const { code, expiresAt } = await ask<{ code: string; expiresAt: number }>("POST", "/web/codes", {
    body: {},
  });
  print(output, { url, link: `${url}/#code=${code}`, expiresAt }, ({ link }) => link);
}
