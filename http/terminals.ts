import { z } from "zod";
import { Failure } from "../machines/failures.ts";
import { addressOf } from "../machines/ids.ts";
import { knownActor } from "./commands.ts";
import type { App, Edge } from "./edge.ts";
import { Id, whole } from "./schemas.ts";
import { stateOf } from "./stored-state.ts";
import { statePaths } from "./views.ts";

const Stored = z.object({ epoch: z.number().catch(0) });
const TerminalView = z.object({
  id: z.string(),
  epoch: z.number(),
  state: z.string(),
  /** The argv that shows it to a person; empty while nothing runs in it. */
  attach: z.array(z.string()),
  screen: z.string().optional(),
});

/** Any terminal, whoever's it is: a session's own, or that of the one who reviews it (`review-<session>`). */
export function terminalRoutes(app: App, edge: Edge): void {
  app.get(
    "/terminals/:id",
    {
      schema: {
        tags: ["terminals"],
        summary: "A terminal; with `lines`, also the last lines of its screen",
        params: Id,
        querystring: z.strictObject({
          lines: whole(1, 10_000).optional(),
        }),
        response: { 200: TerminalView },
      },
    },
    async ({ params: { id }, query: { lines } }) => {
      const { value, context } = stateOf(knownActor(edge, addressOf("terminal", id)));
      const { epoch } = Stored.parse(context);
      const [path = ""] = statePaths(value);
      const [state = ""] = path.split(".");
      const attach = state === "live" ? [...(edge.attach?.(id) ?? [])] : [];
      const terminal = { id, epoch, state, attach };
      if (lines === undefined) return terminal;
      return { ...terminal, screen: await screenOf(edge, id, lines) };
    },
  );
}

/** The last lines of a terminal's screen. Fails with TMUX_UNREACHABLE where there are no terminals, and as capturing does. */
export async function screenOf({ capture }: Edge, id: string, lines: number): Promise<string> {
  if (capture !== undefined) return capture(id, lines);
  const tried = `read the screen of ${id}`;
  throw new Failure("TMUX_UNREACHABLE", `${tried}: this daemon has no terminals`);
}
