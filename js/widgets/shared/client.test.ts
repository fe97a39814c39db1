import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CancelledError, Client } from "./client";

/** The kernel's end of the line: what was sent, and a way to answer. */
function line() {
  const sent: { kind: string; id?: string; ids?: string[] }[] = [];
  let receive: (content: unknown, buffers: DataView[]) => void = () => {};
  const model = {
    send: (content: never) => sent.push(content),
    on: (_event: string, callback: never) => {
      receive = callback;
    },
    off: () => {
      receive = () => {};
    },
  };
  return {
    sent,
    model: model as never,
    answer: (content: object) => receive({ kind: "answer", ...content }, []),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("each question gets its own answer, in whatever order they come", async () => {
  const { sent, model, answer } = line();
  const client = new Client(model, () => {});
  const first = client.ask<{ n: number }>({ kind: "photos" });
  const second = client.ask<{ n: number }>({ kind: "photos" });
  answer({ id: sent[1]?.id, n: 2 });
  answer({ id: "someone else's", n: 9 });
  answer({ id: sent[0]?.id, n: 1 });
  expect((await first).content.n).toBe(1);
  expect((await second).content.n).toBe(2);
});

test("an error of the kernel rejects with its words", async () => {
  const { sent, model, answer } = line();
  const asked = new Client(model, () => {}).ask({ kind: "photos" });
  answer({ id: sent[0]?.id, error: "no such photo" });
  await expect(asked).rejects.toThrow("no such photo");
});

test("an overdue question is told to the user and may still be answered", async () => {
  const { sent, model, answer } = line();
  const overdue = vi.fn();
  const asked = new Client(model, overdue, 1000).ask({ kind: "photos" });
  vi.advanceTimersByTime(999);
  expect(overdue).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(overdue).toHaveBeenLastCalledWith(1);
  answer({ id: sent[0]?.id });
  await asked;
  expect(overdue).toHaveBeenLastCalledWith(0);
});

test("the first requests of a view are sent again, as the kernel may not have been ready", async () => {
  const { sent, model, answer } = line();
  const client = new Client(model, () => {});
  const asked = client.ask({ kind: "state" });
  void client.ask({ kind: "photos" }, "p");
  vi.advanceTimersByTime(4000);
  expect(sent.map(({ kind }) => kind)).toEqual(["state", "photos", "state"]);
  expect(sent[2]).toEqual(sent[0]);
  answer({ id: sent[0]?.id });
  await asked;
});

test("a cancelled question is dropped on both sides", async () => {
  const { sent, model } = line();
  const client = new Client(model, () => {});
  const asked = client.ask({ kind: "photos" }, "a");
  client.cancel(["a"]);
  await expect(asked).rejects.toThrow(CancelledError);
  expect(sent.at(-1)).toMatchObject({ kind: "cancel", ids: ["a"] });
});

test("the kernel is told when a view closes", () => {
  const { sent, model } = line();
  const client = new Client(model, () => {});
  client.close();
  expect(sent).toEqual([{ kind: "close", view: client.view }]);
});
