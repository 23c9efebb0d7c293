import { addressOf } from "../ids.ts";
import type { Order } from "../order.ts";
import { reviewingOf } from "./config.ts";
import type { SeenBy } from "./record.ts";

/** Sessions that run learn how their work is reviewed from now on; only what changes is told. */
export function reviewingOrders({ context, event }: SeenBy): Order[] {
  if (event.type !== "project.configure" || context.config === null) return [];
  const data = reviewingOf(event.data.config);
  if (JSON.stringify(data) === JSON.stringify(reviewingOf(context.config))) return [];
  return context.activeSessions.map((id) => ({
    type: "mail",
    to: addressOf("session", id),
    name: "project.reviewing",
    data,
  }));
}
