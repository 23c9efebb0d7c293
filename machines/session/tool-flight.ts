// Tool flight
//
// Which uses of tools an agent has begun, and what may take back that it waits for a permission. Pure.
//
//   F1. A permission is taken for answered only by the end of the turn, or by the one tool in flight that it was about.
//   F2. Two uses of one tool are not told apart by its name: neither takes it back.
//   F3. Neither tools nor notices take back a question; what says no event says what it means.
//   F4. What is said by tools after a goodbye says nothing.

/** The uses begun, by id, and the one that the open permission is about. */
export type Flight = {
  readonly tools: Readonly<Record<string, string>>;
  readonly asking: string | null;
};
export const GROUNDED: Flight = { tools: {}, asking: null };

export interface Heard {
  readonly state: string;
  readonly event?: string | undefined;
  readonly toolName?: string | undefined;
  readonly toolUseId?: string | undefined;
}

const MOST_TOOLS = 128;
const BOUNDARIES: ReadonlySet<string> = new Set([
  "user-prompt-submit",
  "stop",
  "stop-failure",
  "interrupt",
  "session-start",
  "session-end",
  "process-exited",
  "chat.controller.stopped",
  "permission-replied",
  "terminal-idle",
]);
const ENDS: ReadonlySet<string> = new Set(["stop", "interrupt", "session-end", "terminal-idle"]);
const TOOL_EVENTS: ReadonlySet<string> = new Set([
  "pre-tool-use",
  "post-tool-use",
  "post-tool-use-failure",
]);

interface Flown {
  readonly flight: Flight;
  readonly isHeard: boolean;
}

/** The flight after a signal, and whether the signal may say what the agent does now. */
export function flown(flight: Flight, activity: string, heard: Heard): Flown {
  const { event = "" } = heard;
  if (TOOL_EVENTS.has(event)) return toolTold(flight, activity, heard);
  if (heard.state === "blocked") return { flight: asked(flight, activity, heard), isHeard: true };
  if (!mayFollow(activity, heard)) return { flight, isHeard: false };
  const isOver = ENDS.has(event) || heard.state === "exited";
  if (isOver) return { flight: isGrounded(flight) ? flight : GROUNDED, isHeard: true };
  const next = flight.asking === null ? flight : { ...flight, asking: null };
  return { flight: next, isHeard: true };
}

/** A permission that is told again, by a notice, is about what it was about before. */
function asked(flight: Flight, activity: string, heard: Heard): Flight {
  const isRepeat = activity === "blocked" && heard.event !== "permission-request";
  const asking = isRepeat ? flight.asking : askedBy(flight, heard);
  return asking === flight.asking ? flight : { ...flight, asking };
}

function toolTold(flight: Flight, activity: string, heard: Heard): Flown {
  const isHeard = mayFollow(activity, heard);
  if (heard.event === "pre-tool-use") return { flight: withTool(flight, heard), isHeard };
  const { toolUseId = "" } = heard;
  const isAnswer = activity === "blocked" && toolUseId !== "" && flight.asking === toolUseId;
  return { flight: withoutTool(flight, toolUseId), isHeard: isAnswer || isHeard };
}

/** Whether a signal may follow on what is known (F1, F3, F4). */
function mayFollow(activity: string, { event = "" }: Heard): boolean {
  if (event === "" || BOUNDARIES.has(event)) return true;
  if (activity === "blocked") return !TOOL_EVENTS.has(event) && !isNotice(event);
  return (activity !== "waiting_input" && activity !== "exited") || !TOOL_EVENTS.has(event);
}

function isNotice(event: string): boolean {
  return event === "notification" || event === "subagent-stop";
}

function withTool(flight: Flight, { toolUseId = "", toolName = "" }: Heard): Flight {
  if (toolUseId === "") return flight;
  const others = Object.entries(flight.tools).filter(([id]) => id !== toolUseId);
  const tools = Object.fromEntries([...others.slice(1 - MOST_TOOLS), [toolUseId, toolName]]);
  return { ...flight, tools };
}

function withoutTool(flight: Flight, toolUseId: string): Flight {
  if (!Object.hasOwn(flight.tools, toolUseId)) return flight;
  const { [toolUseId]: _, ...tools } = flight.tools;
  return { tools, asking: flight.asking === toolUseId ? null : flight.asking };
}

/** The one use that a permission can be about; null when none fits, or several do (F2). */
function askedBy({ tools }: Flight, { toolName = "" }: Heard): string | null {
  const [id, ...more] = Object.keys(tools).filter((each) => tools[each] === toolName);
  return toolName === "" || id === undefined || more.length > 0 ? null : id;
}

function isGrounded({ tools, asking }: Flight): boolean {
  return asking === null && Object.keys(tools).length === 0;
}
