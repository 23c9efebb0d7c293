import { assert, array, constantFrom, integer, property, record } from "fast-check";
import { expect, it } from "vitest";
import { watchIndex } from "../../actors/audit.ts";

it("the index of the tick names what is due, the longest ago first, as a plain list would (U1, U2)", () => {
  expect.hasAssertions();
  const change = record({
    id: constantFrom("a", "b", "c", "d"),
    watchAt: integer({ min: 0, max: 20 }),
  });
  const isSame = property(
    array(change, { maxLength: 40 }),
    integer({ min: 0, max: 20 }),
    (changes, at) => {
      const index = watchIndex();
      const plain = new Map<string, number>();
      for (const { id, watchAt } of changes) {
        const isOver = watchAt === 0;
        index.note(id, isOver ? undefined : watchAt);
        if (isOver) plain.delete(id);
        else plain.set(id, watchAt);
        index.due(watchAt - 1, 2);
      }
      const due = [...plain].filter(([, watchAt]) => watchAt <= at).map(([, watchAt]) => watchAt);
      expect(index.size).toBe(plain.size);
      for (let asked = 0; asked < 2; asked += 1) {
        const found = index.due(at, 10);
        expect(found.map(({ watchAt }) => watchAt)).toEqual(
          due.toSorted((one, other) => one - other),
        );
        expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
        for (const { id, watchAt } of found) expect(plain.get(id)).toBe(watchAt);
      }
    },
  );
  assert(isSame, { numRuns: 300 });
});
