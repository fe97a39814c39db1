import { expect, test } from "vitest";
import { ByteCache } from "./lru";

test("the least recently used go when there are too many bytes", () => {
  const dropped: string[] = [];
  const cache = new ByteCache<string>(100, (value) => dropped.push(value));
  cache.set(1, "a", 40);
  cache.set(2, "b", 40);
  expect(cache.get(1)).toBe("a");
  cache.set(3, "c", 40);
  expect(dropped).toEqual(["b"]);
  expect(cache.get(2)).toBeUndefined();
  expect(cache.bytes).toBe(80);
});

test("a value that is replaced is given back, and what is new stays however large", () => {
  const dropped: string[] = [];
  const cache = new ByteCache<string>(100, (value) => dropped.push(value));
  cache.set(1, "a", 40);
  cache.set(1, "larger", 400);
  expect(dropped).toEqual(["a"]);
  expect(cache.get(1)).toBe("larger");
  cache.clear();
  expect(dropped).toEqual(["a", "larger"]);
  expect(cache.bytes).toBe(0);
});
