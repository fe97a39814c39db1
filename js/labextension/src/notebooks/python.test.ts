import { expect, test } from "vitest";
import { literal, plain } from "./python";

test.each([
  ["photos", '"photos"'],
  ["it's 50% {of} my #photos", '"it\'s 50% {of} my #photos"'],
  ['"); import os; ("', '"\\"); import os; (\\""'],
  ["back\\slash\\", '"back\\\\slash\\\\"'],
  ["two\nlines\r\tand\0", '"two\\nlines\\u000d\\tand\\u0000"'],
  ["Fotos 写真 🌷", '"Fotos 写真 🌷"'],
  ["turned\u202etxt\u2028", '"turned\\u202etxt\\u2028"'],
  ["half \ud83c", '"half \\ud83c"'],
])("the name %j is the Python literal %s", (name, expected) => {
  expect(literal(name)).toBe(expected);
});

test("Markdown shows a name as it is, and in one line", () => {
  expect(plain("*my*\n# <b>$photos$</b> [1](x)")).toBe(
    "\\*my\\* \\# \\<b\\>\\$photos\\$\\<\\/b\\> \\[1\\]\\(x\\)",
  );
});
