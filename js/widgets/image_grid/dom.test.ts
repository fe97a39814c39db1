import { expect, test } from "vitest";
import { readableOn } from "./dom";
import { sizeToAsk } from "./photos";

test("text on a badge is black on light colours and white on dark ones", () => {
  expect(readableOn("#f0e442")).toBe("#000");
  expect(readableOn("#0072b2")).toBe("#fff");
});

test("few sizes are asked for, larger ones on fine screens", () => {
  expect([64, 112, 128, 200].map((size) => sizeToAsk(size, 1))).toEqual([96, 96, 160, 160]);
  expect(sizeToAsk(128, 2)).toBe(256);
  expect(sizeToAsk(320, 3)).toBe(384);
});
