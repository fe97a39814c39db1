import { expect, test } from "vitest";
import { readableOn } from "./dom";

test("text on a badge is black on light colours and white on dark ones", () => {
  expect(readableOn("#f0e442")).toBe("#000");
  expect(readableOn("#0072b2")).toBe("#fff");
});
