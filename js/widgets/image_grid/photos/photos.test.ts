import { expect, test } from "vitest";
import { Client } from "../../shared/client";
import { Photos, sizeToAsk } from "./photos";

interface Question {
  kind: string;
  id: string;
  rows: number[];
}

/** Photos and the kernel's end of the line. */
function open() {
  const asked: Question[] = [];
  let receive: (content: unknown, buffers: DataView[]) => void = () => {};
  const model = {
    send: (content: Question) => asked.push(content),
    on: (_event: string, callback: never) => {
      receive = callback;
    },
    off: () => {},
  };
  const photos = new Photos(
    new Client(model as never, () => {}),
    () => {},
    () => {},
  );
  const answer = async (badge: string) => {
    const { kind, id, rows } = asked.at(-1) as Question;
    const described = rows.map((row) => ({ ...label(badge), caption: `${row}`, problem: null }));
    const jpegs = kind === "photos" ? rows.map(() => new DataView(new ArrayBuffer(9))) : [];
    receive({ kind: "answer", id, photos: described }, jpegs);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { photos, asked, answer };
}

function label(badge: string) {
  return { caption: "", badge, color: null };
}

test("a new badge needs no question and keeps the picture", async () => {
  const { photos, asked, answer } = open();
  photos.fetch([1, 2], 96);
  await answer("cup");
  const url = photos.get(1)?.url;

  photos.update([1, 9], [label("plate"), label("plate")]);

  expect(photos.get(1)).toMatchObject({ badge: "plate", url });
  expect(photos.get(2)).toMatchObject({ badge: "cup" });
  expect(photos.get(9)).toBeUndefined();
  expect(photos.fetch([1, 2], 96)).toBe(0);
  expect(asked.length).toBe(1);
});

test("what is said while a question is open is newer than its answer", async () => {
  const { photos, answer } = open();
  photos.fetch([1], 96);
  photos.update([1], [label("plate")]);
  await answer("cup");
  expect(photos.get(1)?.badge).toBe("plate");
});

test("stale photos are asked for their captions only", async () => {
  const { photos, asked, answer } = open();
  photos.fetch([1], 96);
  await answer("cup");
  const url = photos.get(1)?.url;
  photos.markAllStale();

  expect(photos.fetch([1], 96)).toBe(1);
  expect(asked.at(-1)?.kind).toBe("captions");
  await answer("plate");

  expect(photos.get(1)).toMatchObject({ badge: "plate", url });
  expect(photos.fetch([1], 96)).toBe(0);
});

test("an answer that was asked for before all changed is stale", async () => {
  const { photos, asked, answer } = open();
  photos.fetch([1], 96);
  photos.markAllStale();
  await answer("cup");

  expect(photos.fetch([1], 96)).toBe(1);
  expect(asked.at(-1)?.kind).toBe("captions");
});

test("few sizes are asked for, larger ones on fine screens", () => {
  expect([64, 112, 128, 200].map((size) => sizeToAsk(size, 1))).toEqual([96, 96, 160, 160]);
  expect(sizeToAsk(128, 2)).toBe(256);
  expect(sizeToAsk(320, 3)).toBe(384);
});
