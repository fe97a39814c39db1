/** Decides when to ask for which photos. */

import type { Order } from "../selection/order";
import { type Layout, rowsInSight } from "../view/layout";
import { type Photos, sizeToAsk } from "./photos";

/** Least time between two requests, in milliseconds. */
const INTERVAL = 60;

export interface Sight {
  top: number;
  layout: Layout;
  order: Order;
  thumbnailSize: number;
}

export class Fetching {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = 0;

  constructor(
    private readonly photos: Photos,
    private readonly sight: () => Sight,
  ) {}

  /** Ask at once after a pause, and rarely while the scroll bar is dragged. */
  soon(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#last + INTERVAL - performance.now();
    if (wait <= 0) this.#ask();
    else this.#timer = setTimeout(() => this.#ask(), wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #ask(): void {
    this.#timer = undefined;
    this.#last = performance.now();
    const { top, layout, order, thumbnailSize } = this.sight();
    const [first, last] = rowsInSight(top, layout);
    const page = last - first;
    const rowsOf = (from: number, to: number): number[] => {
      const rows: number[] = [];
      const end = Math.min(layout.count, to * layout.columns);
      for (let p = Math.max(0, from) * layout.columns; p < end; p++) rows.push(order.rowAt(p));
      return rows;
    };
    const size = sizeToAsk(thumbnailSize, window.devicePixelRatio);
    const missing = this.photos.fetch(rowsOf(first, last), size);
    // Only after asking: the kernel takes one question at a time, the newest first.
    this.photos.forget(new Set(rowsOf(first - page, last + page)));
    if (missing > 0 || this.photos.busy) return;
    // One screen ahead, once the visible photos are there.
    this.photos.fetch([...rowsOf(last, last + page), ...rowsOf(first - page, first)], size);
  }
}
