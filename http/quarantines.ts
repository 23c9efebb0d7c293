import { z } from "zod";
import { splitAddress, type Address } from "../machines/ids.ts";
import { quarantineMatter } from "../machines/supervision/quarantine-notice.ts";
import type { Edge } from "./edge.ts";
import type { NoticeView } from "./session/view.ts";
import type { ActorSummary } from "./views.ts";

// Quarantines
//
// The actors that take no messages any more, as notices: what a person was told of each, for as long as it lasts. Read
// from the rows and their journals, so that one is over with its release and none is missing, of whatever kind.

const Text = z.string().catch("");

/** The open notice of every quarantined actor that `where` lets through. */
export function quarantineNotices(
  { views, system }: Edge,
  where: (row: Pick<ActorSummary, "address" | "facts">) => boolean,
): NoticeView[] {
  const rows = views.list({
    limit: Number.MAX_SAFE_INTEGER,
    where: (row) => row.facts["isQuarantined"] === true && where(row),
  });
  return rows.flatMap(({ address, facts }) => {
    const row = system.snapshot(address);
    if (row?.isQuarantined !== true) return [];
    const { seq, strikes } = row;
    const [entry] = system.store.journal(address, { after: seq - 1, limit: 1 });
    const thrower = entry?.message.cause ?? "unknown";
    const matter = quarantineMatter(address, {
      strikes,
      seq,
      thrower,
      projectId: Text.parse(facts["projectId"]),
    });
    const since = entry?.message.at ?? row.updatedAt;
    return [{ ...matter, since, state: "open" as const }];
  });
}

/** The address that a notice of a quarantine is about; undefined for the id of any other. */
export function quarantinedOf(edge: Edge, noticeId: string): Address | undefined {
  const isNamed = ({ address }: Pick<ActorSummary, "address">): boolean => {
    const { kind, id } = splitAddress(address);
    return noticeId.startsWith(`${kind}-${id}-n`);
  };
  const [found] = quarantineNotices(edge, isNamed).filter(({ id }) => id === noticeId);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its matter is its address
  return found?.about as Address | undefined;
}
