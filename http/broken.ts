import { z } from "zod";
import { splitAddress, type Address } from "../machines/ids.ts";
import { brokenMatter } from "../machines/supervision/broken-notice.ts";
import type { Edge } from "./edge.ts";
import type { NoticeView } from "./session/view.ts";
import type { ActorSummary } from "./views.ts";

// Broken
//
// The actors whose last step threw, and those that take no messages any more, as notices: what a person was told of
// each, for as long as it lasts. Read from the rows and their journals, so that one is over with the next step that does
// not throw, or with the release, and none is missing, of whatever kind.

const Text = z.string().catch("");

/** The open notice of every broken actor that `where` lets through. */
export function brokenNotices(
  { views, system }: Edge,
  where: (row: Pick<ActorSummary, "address" | "facts">) => boolean,
): NoticeView[] {
  const rows = views.list({
    limit: Number.MAX_SAFE_INTEGER,
    where: (row) => isBroken(row) && where(row),
  });
  return rows.flatMap(({ address, facts }) => {
    const row = system.snapshot(address);
    if (row === undefined || row.strikes === 0) return [];
    const { seq, strikes, isQuarantined } = row;
    const [entry] = system.store.journal(address, { after: seq - 1, limit: 1 });
    const thrower = entry?.message.cause ?? "unknown";
    const projectId = Text.parse(facts["projectId"]);
    const matter = brokenMatter(address, { strikes, seq, thrower, projectId }, isQuarantined);
    const since = entry?.message.at ?? row.updatedAt;
    return [{ ...matter, since, state: "open" as const }];
  });
}

function isBroken({ facts }: Pick<ActorSummary, "facts">): boolean {
  return facts["isQuarantined"] === true || facts["strikes"] !== undefined;
}

/** The address that such a notice is about; undefined for the id of any other. */
export function brokenOf(edge: Edge, noticeId: string): Address | undefined {
  const isNamed = ({ address }: Pick<ActorSummary, "address">): boolean => {
    const { kind, id } = splitAddress(address);
    return noticeId.startsWith(`${kind}-${id}-n`);
  };
  const [found] = brokenNotices(edge, isNamed).filter(({ id }) => id === noticeId);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its matter is its address
  return found?.about as Address | undefined;
}
