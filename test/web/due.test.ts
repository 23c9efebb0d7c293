import { expect, it } from "vitest";
import { isDue } from "../../web/model/due.ts";

const live = (seq: number, path = "/actors/a"): Parameters<typeof isDue>[0] => ({
  path,
  seq,
  isLast: true,
});
const past = (seq: number): Parameters<typeof isDue>[0] => ({ ...live(seq), isLast: false });

it.each([
  { title: "now, the first", asked: live(7), wanted: live(7), drawn: undefined, is: true },
  {
    title: "now, which a step overtook",
    asked: live(7),
    wanted: live(9),
    drawn: live(6),
    is: true,
  },
  { title: "now, again", asked: live(7), wanted: live(7), drawn: live(7), is: true },
  { title: "now, after a newer one", asked: live(7), wanted: live(9), drawn: live(8), is: false },
  {
    title: "now, after a newer one of another actor",
    asked: live(7),
    wanted: live(7),
    drawn: live(8, "/actors/b"),
    is: true,
  },
  { title: "another actor", asked: live(7), wanted: live(7, "/b"), drawn: undefined, is: false },
  {
    title: "now, while a past one is wanted",
    asked: live(7),
    wanted: past(7),
    drawn: live(6),
    is: false,
  },
  { title: "a past one", asked: past(3), wanted: past(3), drawn: live(8), is: true },
  { title: "a past one that was left", asked: past(3), wanted: past(4), drawn: past(3), is: false },
])("a frame of $title is drawn: $is", ({ asked, wanted, drawn, is }) => {
  expect(isDue(asked, wanted, drawn)).toBe(is);
});
