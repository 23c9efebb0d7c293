import { Failure } from "../../machines/failures.ts";
import { nearest } from "../../machines/nearest.ts";
import { LANE_NAMES, LANES } from "../../machines/observations.ts";
import { client } from "../cli/client.ts";
import { print, type Output } from "../cli/output.ts";

/** Publishes an observation. Fails with MALFORMED when it is not one. */
export async function observe(
  output: Output,
  { lane, session, json }: { lane: string; session: string; json: string },
): Promise<void> {
  if (!Object.hasOwn(LANES, lane)) {
    const known = LANE_NAMES.join(", ");
    const meant = nearest(lane, LANE_NAMES);
    const hint = meant === undefined ? "" : `did you mean ${meant}? `;
    throw new Failure(
      "MALFORMED",
      `observe ${lane}: there is no such lane; ${hint}known are ${known}`,
    );
  }
  const path = `/observations/${encodeURIComponent(lane)}/${encodeURIComponent(session)}`;
  const answer = await client(process.env).request("POST", path, { body: parse(json) });
  print(output, answer, () => `published on ao.obs.${lane}.${session}`);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Failure("MALFORMED", `read ${json.slice(0, 80)}: it is not JSON`, { cause });
  }
}
