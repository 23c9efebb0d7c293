import { client, type Method, type RequestOptions } from "./client.ts";

/** The daemon's answer, in the shape that its OpenAPI document promises. Fails as `client` does. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the route
export async function ask<Answer>(
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- daemon and command line are of one version
  return (await client(process.env).request(method, path, options)) as Answer;
}

/** A text as one part of a path. */
export function part(text: string | number): string {
  return encodeURIComponent(text);
}

/** A query of the members that are there. */
export function query(members: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined) given.set(name, String(value));
  }
  const text = given.toString();
  return text === "" ? "" : `?${text}`;
}
