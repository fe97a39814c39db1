import { expect, test } from "vitest";
import { ByteCache } from "./lru";

test("the least recently used go when there are too many bytes", () => {
  const cache = new ByteCache<string>(100);
  cache.set(1, "a", 40);
  cache.set(2, "b", 40);
  expect(cache.get(1)).toBe("a");
  cache.set(3, "c", 40);
  expect(cache.get(2)).toBeUndefined();
  expect([...cache.values()]).toEqual(["a", "c"]);
  expect(cache.bytes).toBe(80);
});

test("what is new stays however large, and takes the place of what it replaces", () => {
  const cache = new ByteCache<string>(100);
  cache.set(1, "a", 40);
  cache.set(1, "larger", 400);
  expect(cache.get(1)).toBe("larger");
  expect(cache.bytes).toBe(400);
  cache.replace(1, "other");
  cache.replace(2, "not there");
  expect([...cache.values()]).toEqual(["other"]);
  cache.clear();
  expect([...cache.values()]).toEqual([]);
  expect(cache.bytes).toBe(0);
});
