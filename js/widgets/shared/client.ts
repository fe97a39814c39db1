/** Requests to the kernel. Each has an id and gets an answer, an error, or a time-out. */

import type { AnyModel } from "@anywidget/types";

export interface Answer<C> {
  content: C;
  buffers: DataView<ArrayBuffer>[];
}

interface Pending {
  resolve: (answer: Answer<never>) => void;
  reject: (error: Error) => void;
  timers: ReturnType<typeof setTimeout>[];
}

/**
 * The first requests of a view are sent again if there is no answer after so many milliseconds.
 *
 * For a new widget, the page makes the kernel start a thread that answers while a cell is running.
 * Whatever is sent before that thread runs has to wait until the cell is done.
 */
const FIRST = ["state", "labels"];
const RESEND_AFTER = 1000;

export class CancelledError extends Error {}

export class Client {
  #pending = new Map<string, Pending>();
  #late = new Set<string>();
  #next = 0;
  /** Distinguishes this view from others of the same widget. */
  readonly view = Math.random().toString(36).slice(2);

  constructor(
    private readonly model: Pick<AnyModel, "send" | "on" | "off">,
    /** Called with the number of overdue requests when it changes. */
    private readonly overdue: (count: number) => void,
    private readonly timeOut = 5000,
  ) {
    model.on("msg:custom", this.#receive);
  }

  newId(): string {
    return `${this.view}-${this.#next++}`;
  }

  /**
   * Send a request; the promise is rejected with the kernel's error or a `CancelledError`.
   *
   * An overdue request stays open: a busy kernel answers it when its cell is done.
   */
  ask<C>(
    question: { kind: string; [key: string]: unknown },
    id = this.newId(),
    buffers: ArrayBuffer[] = [],
  ): Promise<Answer<C>> {
    return new Promise((resolve, reject) => {
      const send = () => this.model.send({ ...question, id, view: this.view }, undefined, buffers);
      const overdue = () => {
        this.#late.add(id);
        this.overdue(this.#late.size);
      };
      const timers = [setTimeout(overdue, this.timeOut)];
      if (FIRST.includes(question.kind)) timers.push(setTimeout(send, RESEND_AFTER));
      this.#pending.set(id, { resolve, reject, timers });
      send();
    });
  }

  tell(content: { kind: string; [key: string]: unknown }, buffers: ArrayBuffer[] = []): void {
    this.model.send({ ...content, view: this.view }, undefined, buffers);
  }

  cancel(ids: string[]): void {
    for (const id of ids) this.#take(id)?.reject(new CancelledError("no longer needed"));
    if (ids.length > 0) this.tell({ kind: "cancel", ids });
  }

  cancelAll(): void {
    this.cancel([...this.#pending.keys()]);
  }

  close(): void {
    this.cancelAll();
    this.tell({ kind: "close" });
    this.model.off("msg:custom", this.#receive);
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    if (!pending) return undefined;
    for (const timer of pending.timers) clearTimeout(timer);
    this.#pending.delete(id);
    if (this.#late.delete(id)) this.overdue(this.#late.size);
    return pending;
  }

  #receive = (
    content: { kind: string; id?: string; error?: string },
    buffers: DataView<ArrayBuffer>[],
  ): void => {
    if (content.kind !== "answer" || content.id === undefined) return;
    const pending = this.#take(content.id);
    if (content.error !== undefined) pending?.reject(new Error(content.error));
    else pending?.resolve({ content: content as never, buffers });
  };
}
