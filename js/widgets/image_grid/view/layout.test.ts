import { expect, test } from "vitest";
import {
  clampTop,
  isScaled,
  layOut,
  MAX_SCROLL_HEIGHT,
  moved,
  positionsUnder,
  rowsInSight,
  toContent,
  topToShow,
  toScroll,
} from "./layout";

const million = layOut(1_000_000, 816, 400, 128);
const small = layOut(10, 440, 400, 128); // 3 columns, 4 rows

test("as many columns as fit, and one when not even that fits", () => {
  expect([million.columns, million.rows]).toEqual([5, 200_000]);
  expect(layOut(10, 50, 400, 128).columns).toBe(1);
  expect(layOut(0, 440, 400, 128).rows).toBe(0);
});

test("a browser's limit on heights is kept and every row can still be reached", () => {
  expect(million.scrollHeight).toBe(MAX_SCROLL_HEIGHT);
  expect(isScaled(million)).toBe(true);
  const bottom = toContent(MAX_SCROLL_HEIGHT - 400, million);
  expect(rowsInSight(bottom, million)[1]).toBe(million.rows);
  expect(toContent(toScroll(1_234_567, million), million)).toBeCloseTo(1_234_567, 3);
});

test("what fits into the browser's limit is not scaled", () => {
  expect(isScaled(small)).toBe(false);
  expect(toContent(17, small)).toBe(17);
});

test("only rows in sight are drawn, and none beyond the last", () => {
  expect(rowsInSight(0, million)).toEqual([0, 3]);
  expect(rowsInSight(156 * 7 + 1, million)).toEqual([7, 10]);
  expect(rowsInSight(clampTop(1e9, small), small)).toEqual([1, 4]);
  expect(rowsInSight(0, layOut(0, 440, 400, 128))).toEqual([0, 0]);
});

test("a photo is brought into sight with the least scrolling", () => {
  expect(topToShow(0, 300, million)).toBe(0);
  expect(topToShow(5, 0, million)).toBe(0);
  const top = topToShow(999_999, 0, million);
  expect(rowsInSight(top, million)[1]).toBe(200_000);
});

test.each([
  ["ArrowRight", 0, 1],
  ["ArrowLeft", 0, 0],
  ["ArrowDown", 1, 4],
  ["ArrowUp", 1, 1],
  ["ArrowDown", 8, 9],
  ["PageDown", 0, 6],
  ["PageUp", 9, 3],
  ["Home", 7, 0],
  ["End", 0, 9],
  ["ArrowRight", -1, 0],
])("%s leads from photo %i to %i", (key, from, to) => {
  expect(moved(key, from, small)).toBe(to);
});

test("other keys and an empty grid move nothing", () => {
  expect(moved("x", 0, small)).toBeNull();
  expect(moved("End", -1, layOut(0, 440, 400, 128))).toBeNull();
});

test("a rectangle covers the same photos from whichever corner it is drawn", () => {
  expect(positionsUnder(20, 20, 200, 200, small)).toEqual([0, 1, 3, 4]);
  expect(positionsUnder(200, 200, 20, 20, small)).toEqual([0, 1, 3, 4]);
  expect(positionsUnder(0, 0, 9999, 9999, small)).toHaveLength(10);
});
