import { expect, it } from "vitest";
import type { Tick } from "../../web/model/answers.ts";
import { jumpTo, type Jump, type Strip } from "../../web/model/jumps.ts";

const NOON = new Date(2026, 10, 28, 12, 0, 0).getTime();

function tick(seq: number, type: string): Tick {
  const at = NOON + seq * 60_000;
  return { seq, at, type, isMove: false, isNoop: false, isTrouble: false, orders: 0 };
}

const READ = [tick(1, "session.start"), tick(2, "probe.idle"), tick(3, "probe.gone")];
const ALL: Strip = { ticks: READ, last: 3, isComplete: true };
const PART: Strip = { ticks: READ, last: 9_000, isComplete: false };

it.each([
  { title: "a step", strip: ALL, text: "#2", to: 2 },
  { title: "a step without its sign", strip: ALL, text: " 3 ", to: 3 },
  { title: "a step that was not read yet", strip: PART, text: "#8999", to: 8_999 },
  { title: "the newest step of those not read yet", strip: PART, text: "#9000", to: 9_000 },
  { title: "a time", strip: ALL, text: "12:02", to: 2 },
  { title: "a time between two steps", strip: ALL, text: "12:02:01", to: 3 },
  { title: "an event behind this one", strip: ALL, text: "Probe", to: 2 },
  { title: "an event before this one, from the beginning", strip: ALL, text: "start", to: 1 },
])("leads to $title (J1)", ({ strip, text, to }) => {
  expect(jumpTo(strip, 1, text)).toEqual({ type: "to", seq: to } satisfies Jump);
});

it.each([
  { title: "nothing", text: "  ", why: "Write a step (#12)" },
  { title: "nonsense", text: "??", why: "No event is called like “??”. Write a step (#12)" },
  { title: "a step after the last", text: "#4", why: "There is no step 4: they go from 1 to 3" },
  { title: "a step before the first", text: "0", why: "There is no step 0" },
  { title: "a time after the last step", text: "23:59", why: "later than the newest step, 3" },
])("leads nowhere, and says why, of $title (J2)", ({ text, why }) => {
  const jump = jumpTo(ALL, 1, text);
  expect(jump).toMatchObject({ type: "nowhere" });
  expect(jump.type === "nowhere" && jump.why).toContain(why);
});

it.each(["23:59", "merged"])("waits with %s for what was not read yet (J2)", (text) => {
  expect(jumpTo(PART, 1, text)).toEqual({ type: "later" });
});
