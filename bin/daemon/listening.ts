import { Failure } from "../../machines/failures.ts";

interface Where {
  readonly host: string;
  readonly port: number;
}

/** What the system says of an address that cannot be ours, and which setting that is. */
const REFUSED: Readonly<Record<string, string>> = {
  ENOTFOUND: "http.host names no host that is known",
  EADDRNOTAVAIL: "http.host is no address of this machine",
  EINVAL: "http.host is no address to listen on",
  EACCES: "http.port is for root alone",
};

/** Runs what listens. Fails with PORT_TAKEN, or CONFIG_INVALID for an address on which nobody can listen here. */
export async function listening<Answer>(
  { host, port }: Where,
  listen: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await listen();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const tried = `listen on ${host}:${port}`;
    if (code === "EADDRINUSE") {
      const seen = "another program is there; set http.port in config.json (0 takes a free one)";
      throw new Failure("PORT_TAKEN", `${tried}: ${seen}`, { cause });
    }
    const refused = REFUSED[code];
    if (refused === undefined) throw cause;
    throw new Failure("CONFIG_INVALID", `${tried}: ${refused}; correct config.json`, { cause });
  }
}
