import { addressOf } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { Order } from "../order.ts";
import { type ProjectConfig, reviewingOf } from "./config.ts";
import type { SeenBy } from "./record.ts";

/** Sessions that run learn how their work is reviewed and their limits are taken from now on; only what changes is told. */
export function reviewingOrders({ context, event }: SeenBy): Order[] {
  if (event.type !== "project.configure" || context.config === null) return [];
  const data = toldOf(event.data.config);
  if (JSON.stringify(data) === JSON.stringify(toldOf(context.config))) return [];
  return context.activeSessions.map((id) => ({
    type: "mail",
    to: addressOf("session", id),
    name: "project.reviewing",
    data,
  }));
}

function toldOf(config: ProjectConfig): JsonObject {
  return { ...reviewingOf(config), quotaPause: config.quotaPause !== false };
}
