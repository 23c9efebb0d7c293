import { expect, it } from "vitest";
import type { Layout } from "../../../http/chart/layout.ts";
import { chartSvg } from "../../../http/chart/svg.ts";

const EVIL = `"><img src=x onerror='owned()'><script>owned()</script>&`;

it("draws names, descriptions, arrows and labels that are markup as text (V1)", () => {
  const place = { x: 0, y: 0, width: 9, height: 9 };
  const node = { id: EVIL, name: EVIL, type: "atomic", description: EVIL, entry: [EVIL] };
  const transitions = [{ event: EVIL, guard: EVIL, actions: [EVIL] }];
  const edge = { transitions, way: "M0 0", label: { ...place, lines: [EVIL] } };
  const frame = { kind: EVIL, version: 1, hash: "", width: 9, height: 9 };
  const nodes = [{ ...node, ...place }];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all of a chart that is drawn
  const layout = { ...frame, nodes, edges: [edge] } as unknown as Layout;
  const picture = chartSvg(layout, new Set([EVIL]));
  expect(picture.match(/&#60;img src=x/g)).toHaveLength(8);
  expect(picture).not.toMatch(/<(img|script)|'owned/);
});
