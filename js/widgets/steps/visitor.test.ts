import { expect, test } from "vitest";
import { visitor } from "./visitor";

function storage(kept: Record<string, string> = {}) {
  return {
    kept,
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, value: string) => {
      kept[key] = value;
    },
  };
}

test("a browser stays the same visitor, and two are not one", () => {
  const mine = storage();
  const first = visitor(() => mine);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(visitor(() => mine)).toBe(first);
  expect(visitor(() => storage())).not.toBe(first);
});

test("what is no number of ours is replaced", () => {
  const mine = storage({ "imgcls-visitor": "../../etc" });
  expect(visitor(() => mine)).toMatch(/^[0-9a-f]{32}$/);
  expect(mine.kept["imgcls-visitor"]).not.toContain("etc");
});

test("a browser that keeps nothing has a number all the same", () => {
  const refused = () => {
    throw new Error("SecurityError");
  };
  expect(visitor(refused)).toMatch(/^[0-9a-f]{32}$/);
});
