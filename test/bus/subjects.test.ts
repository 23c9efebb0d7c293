import { describe, expect, it } from "vitest";
import {
  commandSubject,
  eventSubject,
  mailSubject,
  observationSubject,
  parseSubject,
} from "../../bus/subjects.ts";
import type { Subject } from "../../bus/subjects.ts";
import type { FailureCode } from "../../machines/failures.ts";

interface Row {
  readonly subject: string;
  readonly says: Subject;
}
interface BadRow {
  readonly subject: string;
  readonly code: FailureCode;
  readonly message: string;
}

describe("subjects", () => {
  it.each([
    {
      subject: observationSubject("activity", "mer-1"),
      says: { type: "observation", lane: "activity", id: "mer-1", to: "session/mer-1" },
    },
    {
      subject: observationSubject("terminal", "review-mer-1"),
      says: {
        type: "observation",
        lane: "terminal",
        id: "review-mer-1",
        to: "terminal/review-mer-1",
      },
    },
    {
      subject: observationSubject("refs", "mer"),
      says: { type: "observation", lane: "refs", id: "mer", to: "forge/mer" },
    },
    { subject: commandSubject("session/mer-1"), says: { type: "command", to: "session/mer-1" } },
    { subject: mailSubject("review/mer-1"), says: { type: "mail", to: "review/mer-1" } },
    {
      subject: eventSubject("session/mer-1", "session.spawned"),
      says: { type: "event", of: "session/mer-1", name: "session.spawned" },
    },
    { subject: "ao.dead", says: { type: "dead" } },
    { subject: "ao.api.sessions.mer-1", says: { type: "api", path: ["sessions", "mer-1"] } },
  ] satisfies Row[])("reads back what was built: $subject", ({ subject, says }) => {
    expect(parseSubject(subject)).toEqual(says);
  });

  it.each([
    { subject: "", code: "SUBJECT_UNKNOWN", message: "does not begin with ao." },
    { subject: "ao", code: "SUBJECT_UNKNOWN", message: "comes one of obs, cmd" },
    {
      subject: "other.obs.activity.mer-1",
      code: "SUBJECT_UNKNOWN",
      message: "does not begin with ao.",
    },
    { subject: "ao.what.session.mer-1", code: "SUBJECT_UNKNOWN", message: "comes one of obs, cmd" },
    { subject: "ao.obs.activity", code: "SUBJECT_UNKNOWN", message: "ao.obs.<lane>.<id>" },
    { subject: "ao.obs.activity.mer-1.x", code: "SUBJECT_UNKNOWN", message: "ao.obs.<lane>.<id>" },
    { subject: "ao.obs.weather.mer-1", code: "SUBJECT_UNKNOWN", message: "no lane weather" },
    {
      subject: "ao.obs.constructor.mer-1",
      code: "SUBJECT_UNKNOWN",
      message: "no lane constructor",
    },
    { subject: "ao.cmd.session", code: "SUBJECT_UNKNOWN", message: "<kind>.<id>" },
    { subject: "ao.cmd.session.mer.1", code: "SUBJECT_UNKNOWN", message: "<kind>.<id>" },
    { subject: "ao.cmd.robot.mer-1", code: "KIND_UNKNOWN", message: "no kind robot" },
    { subject: "ao.msg.robot.mer-1", code: "KIND_UNKNOWN", message: "no kind robot" },
    { subject: "ao.cmd.session.mér", code: "MALFORMED", message: "is not an id" },
    { subject: "ao.cmd.session.", code: "MALFORMED", message: "is not an id" },
    { subject: `ao.obs.activity.${"x".repeat(65)}`, code: "MALFORMED", message: "is not an id" },
    { subject: "ao.evt.session.mer-1", code: "SUBJECT_UNKNOWN", message: "<type>" },
    { subject: "ao.dead.letter", code: "SUBJECT_UNKNOWN", message: "no parts" },
    { subject: "ao.api", code: "SUBJECT_UNKNOWN", message: "names no route" },
  ] satisfies BadRow[])("says what is wrong with '$subject'", ({ subject, code, message }) => {
    expect(() => parseSubject(subject)).toThrow(expect.objectContaining({ code }));
    expect(() => parseSubject(subject)).toThrow(message);
  });

  it("does not build an observation for an id that would break the subject", () => {
    expect(() => observationSubject("activity", "a.b")).toThrow(
      expect.objectContaining({ code: "MALFORMED" }),
    );
  });
});
