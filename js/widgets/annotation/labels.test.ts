import { expect, test } from "vitest";
import { classOf, Flags } from "./labels";

const classes = ["bowl", "cup", "plate"].map((name) => ({ name, count: 0, color: "#000000" }));

test("digits, then letters stand for the classes", () => {
  expect(["1", "3", "4", "Enter", "0", "-"].map((key) => classOf(key, classes)?.name)).toEqual([
    "bowl",
    "plate",
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const many = Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, count: 0, color: "#000000" }));
  expect(["9", "a", "z"].map((key) => classOf(key, many)?.name)).toEqual(["8", "9", "34"]);
});

test("flags come as bits, the first photo in the lowest", () => {
  const flags = new Flags(new DataView(new Uint8Array([0, 0b101, 0b1]).buffer, 1));
  const on = () => Array.from({ length: 10 }, (_, row) => row).filter(flags.has);
  expect(on()).toEqual([0, 2, 8]);
  flags.set(2, false);
  flags.set(9, true);
  expect(on()).toEqual([0, 8, 9]);
});
