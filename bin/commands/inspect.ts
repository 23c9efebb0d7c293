import type { z } from "zod";
import type { StepView } from "../../http/actors.ts";
import { inspectionServer, type InspectedActor, type Inspection } from "../../http/inspection.ts";
import { Failure } from "../../machines/failures.ts";
import type { Json } from "../../machines/json.ts";
import { ask, part, query } from "../cli/api.ts";
import { client } from "../cli/client.ts";
import { print, type Output } from "../cli/output.ts";
import { events } from "../cli/event-stream.ts";

type Step = z.infer<typeof StepView>;

const MOST_PORT = 65_535;

export interface InspectOptions {
  readonly port: number;
  readonly allow?: readonly string[];
  readonly kind?: string;
}

interface ActorLine {
  readonly address: string;
  readonly isDone: boolean;
}

/** Speaks the Stately inspection protocol until it is stopped. */
export async function inspect(output: Output, options: InspectOptions): Promise<void> {
  const { port, allow = [], kind } = options;
  const { globalSeq } = await ask<{ globalSeq: number }>("GET", "/intake");
  const inspection = await listening(port, allow);
  print(output, { url: inspection.url }, ({ url }) => `tools attach at ${url}; Ctrl-C ends it`);
  try {
    await tellAll(inspection, kind);
    const path = `/events${query({ after: globalSeq, kind })}`;
    for await (const { id, data } of events(await client(process.env).stream(path))) {
      if (id !== undefined) await tellStep(inspection, data);
    }
  } finally {
    await inspection.close();
  }
}

/** Fails with MALFORMED for a number that no port has, PORT_TAKEN where another program is. */
async function listening(port: number, origins: readonly string[]): Promise<Inspection> {
  if (port > MOST_PORT) {
    throw new Failure("MALFORMED", `listen on port ${port}: the last one is ${MOST_PORT}`);
  }
  try {
    return await inspectionServer({ port, origins });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw cause;
    const seen = code === "EACCES" ? "this user may not" : "another program is there";
    throw new Failure("PORT_TAKEN", `listen on port ${port}: ${seen}`, { cause });
  }
}

async function tellAll(inspection: Inspection, kind: string | undefined): Promise<void> {
  let after: string | undefined;
  do {
    const page: { actors: readonly ActorLine[]; next: string | null } = await ask(
      "GET",
      `/actors${query({ kind, after, limit: 1_000 })}`,
    );
    for (const { address, isDone } of page.actors) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      inspection.tellActor({ ...(await actorOf(address)), isDone }, Date.now());
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}

async function tellStep(inspection: Inspection, data: string): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the daemon's OpenAPI document says
  const { address, seq, message, committedAt } = JSON.parse(data) as Step;
  const { data: said, type } = message;
  const event = { type, data: said };
  const actor = await actorOf(address, seq);
  inspection.tellStep({ actor, event, from: message.from, at: committedAt });
}

const configs = new Map<string, Json>();

/** As it is, or as it was right after a step: by the time that step is told of, it may have taken more. */
async function actorOf(address: string, seq?: number): Promise<InspectedActor> {
  const [kind = "", id = ""] = address.split("/");
  const path = `/actors/${part(kind)}/${part(id)}`;
  const facts = await ask<{ value: Json; context: Json }>(
    "GET",
    seq === undefined ? path : `${path}/at/${seq}`,
  );
  const known = configs.get(kind);
  const config = known ?? (await ask<Json>("GET", `/machines/${part(kind)}?format=xstate`));
  configs.set(kind, config);
  return { address, value: facts.value, context: facts.context, isDone: false, config };
}
