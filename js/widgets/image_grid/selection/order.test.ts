import { expect, test } from "vitest";
import { Order } from "./order";

test("without an index array all photos are shown in their own order", () => {
  const order = new Order(5, null);
  expect([order.count, order.rowAt(3), order.positionOf(3), order.whole]).toEqual([5, 3, 3, true]);
  expect([order.positionOf(5), order.positionOf(-1)]).toEqual([-1, -1]);
});

test("an index array sorts and filters", () => {
  const order = new Order(5, new Uint32Array([4, 0]));
  expect([order.count, order.total, order.whole]).toEqual([2, 5, false]);
  expect([order.rowAt(0), order.rowAt(1)]).toEqual([4, 0]);
  expect([order.positionOf(4), order.positionOf(0), order.positionOf(2)]).toEqual([0, 1, -1]);
});

test("nothing is shown of an empty index array", () => {
  expect(new Order(5, new Uint32Array()).count).toBe(0);
});
