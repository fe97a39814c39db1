/** The scrolled area: the layout of the photos and the scroll position. */

import { element } from "../../shared/dom";
import * as layout from "./layout";

/** A new height is reported this long after its last change, in milliseconds. */
const PAUSE = 300;

export interface ViewportActions {
  /** Other photos are visible. */
  scrolled(): void;
  resized(): void;
  /** The user has dragged it to another height. */
  dragged(height: number): void;
}

export class Viewport {
  readonly root: HTMLElement;
  /** Where the photos are drawn: as large as the visible area. */
  readonly layer = element("div", "ig-layer", { role: "presentation" });
  readonly #spacer = element("div", "ig-spacer", { role: "presentation" });
  readonly #resized = new ResizeObserver(() => this.#onResize());
  #layout = layout.layOut(0, 0, 0, 128);
  #top = 0;
  #height = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly actions: ViewportActions) {
    this.root = element(
      "div",
      "ig-scroller",
      { role: "grid", tabindex: "0", "aria-label": "Photos", "aria-multiselectable": "true" },
      [this.layer, this.#spacer],
    );
    this.root.addEventListener("scroll", () => {
      // A scaled scroll bar is too coarse for the wheel: it must not override what the wheel set.
      const known = layout.toScroll(this.#top, this.#layout);
      if (Math.abs(this.root.scrollTop - known) < 1.5) return;
      this.#top = layout.toContent(this.root.scrollTop, this.#layout);
      this.actions.scrolled();
    });
    this.root.addEventListener(
      "wheel",
      (event) => {
        if (!layout.isScaled(this.#layout) || event.ctrlKey) return;
        const unit = [1, 40, this.#layout.viewHeight][event.deltaMode] ?? 1;
        if (this.scrollTo(this.#top + event.deltaY * unit)) event.preventDefault();
      },
      { passive: false },
    );
    this.#resized.observe(this.root);
  }

  get layout(): layout.Layout {
    return this.#layout;
  }

  /** Content position of the upper edge, in CSS pixels. */
  get top(): number {
    return this.#top;
  }

  setHeight(height: number): void {
    this.#height = height;
    this.root.style.height = `${height}px`;
  }

  /**
   * Lay out `count` photos; false if there is no room, because the page does not show it.
   *
   * When the thumbnail size or the width changes, the photos at the top stay visible; the one at
   * `held`, if any, takes precedence.
   */
  layOut(count: number, thumbnailSize: number, held: number): boolean {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0) return false;
    const first = Math.floor(this.#top / this.#layout.stepY) * this.#layout.columns;
    const same = this.#layout.count === count;
    this.#layout = layout.layOut(count, clientWidth, clientHeight, thumbnailSize);
    this.#spacer.style.height = `${Math.max(0, this.#layout.scrollHeight - clientHeight)}px`;
    this.layer.style.height = `${clientHeight}px`;
    this.root.setAttribute("aria-rowcount", String(this.#layout.rows));
    this.root.setAttribute("aria-colcount", String(this.#layout.columns));
    if (same && first > 0)
      this.#top = Math.floor(first / this.#layout.columns) * this.#layout.stepY;
    if (same && held >= 0) this.#top = layout.topToShow(held, this.#top, this.#layout);
    this.scrollTo(this.#top);
    return true;
  }

  /** Scroll; returns whether the position changed. */
  scrollTo(top: number): boolean {
    const clamped = layout.clampTop(top, this.#layout);
    const changed = clamped !== this.#top;
    this.#top = clamped;
    this.root.scrollTop = layout.toScroll(clamped, this.#layout);
    if (changed) this.actions.scrolled();
    return changed;
  }

  /** Bring a photo into sight with the least scrolling. */
  show(position: number): void {
    this.scrollTo(layout.topToShow(position, this.#top, this.#layout));
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#resized.disconnect();
  }

  #onResize(): void {
    this.actions.resized();
    const height = Math.round(this.root.getBoundingClientRect().height);
    if (height === 0 || height === this.#height) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.actions.dragged(Math.min(Math.max(160, height), 2000));
    }, PAUSE);
  }
}
