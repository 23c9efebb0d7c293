import { describe, expect, it } from "vitest";
import { limitedUntil, saysLimit } from "../../../machines/harness/quota.ts";

// 15 June 2026, 12:30:20 UTC: 05:30 in Los Angeles, 21:30 in Tokyo, 18:30 in Dhaka.
const AT = 1_781_526_620_000;
const SINCE_MINUTE = 20_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;

it.each([
  { words: "Claude AI usage limit reached|1781530220", inMs: 3_600_000 },
  {
    words: "You've hit your session limit · resets 12:50am (America/Los_Angeles)",
    inMs: 19 * HOUR + 20 * MINUTE - SINCE_MINUTE,
  },
  { words: "You've hit your limit · resets 8:30pm (Asia/Tokyo)", inMs: 23 * HOUR - SINCE_MINUTE },
  { words: "You've hit your limit · resets 1:30am (Asia/Dhaka)", inMs: 7 * HOUR - SINCE_MINUTE },
  {
    words: "Claude usage limit reached. Your limit will reset at 9am (America/Chicago).",
    inMs: HOUR + 30 * MINUTE - SINCE_MINUTE,
  },
  {
    words: "You've hit your weekly limit · resets Jun 18, 3pm (UTC)",
    inMs: 74 * HOUR + 30 * MINUTE - SINCE_MINUTE,
  },
  {
    words:
      "You've hit your usage limit. Upgrade to Pro (https://openai.com/chatgpt/pricing) or try again in 2 days 17 hours 14 minutes.",
    inMs: 65 * HOUR + 14 * MINUTE,
  },
  {
    words: "You've hit your usage limit. Try again at 3:45 PM.",
    inMs: 3 * HOUR + 15 * MINUTE - SINCE_MINUTE,
  },
  {
    words:
      "You’ve hit your usage limit. Visit https://chatgpt.com/codex/settings/usage to purchase more credits or try again at Jun 18th, 2026 3:45 PM.",
    inMs: 75 * HOUR + 15 * MINUTE - SINCE_MINUTE,
  },
  { words: "You've hit your usage limit. Try again later.", inMs: 15 * MINUTE },
  { words: "5-hour limit reached ∙ resets 15:00", inMs: 2.5 * HOUR - SINCE_MINUTE },
  { words: "API Error: Rate limit reached", inMs: 15 * MINUTE },
  { words: "You've hit your limit · resets 25:99am (Nowhere/At_All)", inMs: 15 * MINUTE },
  { words: "Usage limit reached|1781526000", inMs: 15 * MINUTE },
  { words: "Usage limit reached, try again in 900 days", inMs: 8 * 24 * HOUR },
])('"$words" is over in $inMs ms (Q2, Q3)', ({ words, inMs }) => {
  expect([saysLimit(words), limitedUntil(words, AT, "UTC") - AT]).toEqual([true, inMs]);
});

describe("no limit is taken from", () => {
  it.each([
    "I added a test for the message 'usage limit reached'.",
    "The API now answers 429: you've hit your limit.",
    "Rate limiting works.",
    "",
  ])('"%s" (Q1)', (words) => {
    expect(saysLimit(words)).toBe(false);
  });
});

it("a clock without a zone is that of the host (Q2)", () => {
  const words = "You've hit your usage limit. Try again at 3:45 PM.";
  expect(limitedUntil(words, AT, "Asia/Tokyo") - AT).toBe(18 * HOUR + 15 * MINUTE - SINCE_MINUTE);
});
