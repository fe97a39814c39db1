import { expect, test } from "vitest";
import { Selection } from "./selection";

const reversed = (position: number) => 9 - position;

test("photos are selected once and counted", () => {
  const selection = new Selection(10);
  selection.replace([3, 3, 5]);
  selection.add(5);
  expect(selection.count).toBe(2);
  expect([...selection.rows()]).toEqual([3, 5]);
});

test("toggling twice changes nothing", () => {
  const selection = new Selection(10);
  selection.toggle(4);
  expect(selection.has(4)).toBe(true);
  selection.toggle(4);
  expect(selection.count).toBe(0);
});

test("a range goes by the order of what is shown, in either direction", () => {
  const selection = new Selection(10);
  selection.range(4, 2, reversed, false);
  expect([...selection.rows()]).toEqual([5, 6, 7]);
  selection.range(0, 0, reversed, true);
  expect([...selection.rows()]).toEqual([5, 6, 7, 9]);
  selection.range(1, 1, reversed, false);
  expect([...selection.rows()]).toEqual([8]);
});

test("all of a million can be selected, and rows that do not exist cannot", () => {
  const selection = new Selection(1_000_000);
  selection.range(0, 999_999, (p) => p, false);
  expect(selection.count).toBe(1_000_000);
  selection.add(1_000_000);
  expect(selection.rows()).toHaveLength(1_000_000);
});
