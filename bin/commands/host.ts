import type { HostsView } from "../../http/hosts.ts";
import { ask, part } from "../cli/api.ts";
import { age, print, table, type Output } from "../cli/output.ts";

/** Where workers run, and what the next one waits for. */
export async function showHosts(output: Output): Promise<void> {
  const view = await ask<HostsView>("GET", "/hosts");
  print(output, view, (facts) => pageOf(output, facts, Date.now()));
}

/** Lifts the limit of a harness. */
export async function liftLimit(output: Output, harness: string): Promise<void> {
  const { limits } = await ask<HostsView>("GET", "/hosts");
  const view = await ask<HostsView>("DELETE", `/hosts/limits/${part(harness)}`);
  const isLimited = limits.some((limit) => limit.harness === harness);
  print(output, view, () =>
    isLimited ? `workers of ${harness} may start` : `${harness} has no limit that could be lifted`,
  );
}

function pageOf(output: Output, view: HostsView, now: number): string {
  const { hosts, bounds, running, waiting, limits } = view;
  const parts = [
    table(
      output,
      ["host", "workers", "load per core", "disk free", "measured"],
      hosts.map(({ host, workers, slots, measured }) => [
        host,
        `${workers} of ${slots}`,
        measured === null ? "-" : `${measured.loadPerCore.toFixed(1)}${boundOf(bounds)}`,
        measured === null ? "-" : gib(measured.freeBytes),
        measured === null ? "when somebody waits" : ago(measured, now),
      ]),
    ),
    running.length === 0
      ? `no worker of an objective runs (at most ${bounds.workers} may)`
      : table(
          output,
          ["running", "objective", "host", "harness", "since"],
          running.map((each) => [
            each.worker,
            each.objective,
            each.host,
            each.harness,
            age(each.since, now),
          ]),
        ),
  ];
  if (waiting.length > 0) {
    const rows = waiting.map((each) => [
      each.worker,
      each.objective,
      age(each.since, now),
      each.reason,
    ]);
    parts.push(table(output, ["waiting", "objective", "since", "why"], rows));
  }
  for (const { harness, until } of limits) {
    const end = new Date(until).toISOString();
    parts.push(
      `${harness} has reached its limit until ${end}; lift it with: ao host lift ${harness}`,
    );
  }
  return parts.join("\n\n");
}

function boundOf({ loadPerCore }: HostsView["bounds"]): string {
  return loadPerCore === 0 ? "" : ` of ${loadPerCore}`;
}

function ago({ at, counts }: { at: number; counts: boolean }, now: number): string {
  return `${age(at, now)} ago${counts ? "" : ", too old to count"}`;
}

function gib(bytes: number): string {
  return `${(bytes / 1_073_741_824).toFixed(1)} GiB`;
}
