/** The grid of one page view: only the photos in sight are in the page. */

import type { AnyModel } from "@anywidget/types";
import { type Answer, Client } from "./client";
import { element } from "./dom";
import { Fetching } from "./fetching";
import { keepKeys } from "./host_keys";
import * as layout from "./layout";
import { Lines } from "./lines";
import { Order } from "./order";
import { type Description, type Photo, Photos } from "./photos";
import { addRubberBand } from "./rubber";
import { Selection } from "./selection";
import type { ImageGridState } from "./state";
import { Toolbar } from "./toolbar";
import { Viewer } from "./viewer";

interface Numbers {
  total: number;
  ordered: boolean;
}

/** What a widget that is built around a grid adds to it. */
export interface Surroundings {
  /** Keys and what they do, for the help. */
  keys?: [string, string][];
  /** Another photo is active, or others are selected. */
  moved?(): void;
}

export class Grid {
  readonly root: HTMLElement;
  /** Also for questions of the surroundings. */
  readonly client: Client;
  readonly #model: AnyModel<ImageGridState>;
  readonly #photos: Photos;
  readonly #fetching: Fetching;
  readonly #toolbar: Toolbar;
  readonly #viewer: Viewer;
  readonly #spacer = element("div", "ig-spacer", { role: "presentation" });
  readonly #layer = element("div", "ig-layer", { role: "presentation" });
  readonly #empty = element("div", "ig-empty", {}, ["No photos match: clear the filter."]);
  readonly #scroller: HTMLElement;
  readonly #resized: ResizeObserver;
  readonly #lines = new Lines(this.#layer, () => this.#draw());
  #selection = new Selection(0);
  #order = new Order(0, null);
  #ready = false;
  #layout = layout.layOut(0, 0, 0, 128);
  #top = 0;
  #active = -1;
  #before: Uint32Array | null = null;
  #frame = 0;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    model: AnyModel<ImageGridState>,
    private readonly surroundings: Surroundings = {},
  ) {
    this.#model = model;
    this.client = new Client(model, (count) => this.#overdue(count));
    this.#photos = new Photos(
      this.client,
      () => this.#draw(),
      (reason) => this.#toolbar.say(`The photos could not be had: ${reason}`),
    );
    this.#fetching = new Fetching(this.#photos, () => ({
      top: this.#top,
      layout: this.#layout,
      order: this.#order,
      thumbnailSize: model.get("thumbnail_size"),
    }));
    this.#toolbar = new Toolbar({
      goTo: (position) => this.#goTo(position),
      resize: (size) => {
        model.set("thumbnail_size", size);
        model.save_changes();
      },
      again: () => this.#start(),
      leave: () => this.focus(),
      keys: surroundings.keys ?? [],
    });
    this.#viewer = new Viewer(
      (size) => this.#photos.large(this.#order.rowAt(this.#active), size),
      (by) => {
        const next = Math.min(Math.max(0, this.#active + by), this.#layout.count - 1);
        if (next !== this.#active) this.#moveTo(next);
      },
      () => this.focus(),
    );
    this.#layer.append(this.#empty);
    this.#scroller = element(
      "div",
      "ig-scroller",
      { role: "grid", tabindex: "0", "aria-label": "Photos", "aria-multiselectable": "true" },
      [this.#layer, this.#spacer],
    );
    this.#scroller.style.height = `${model.get("height")}px`;
    this.root = element("div", "imgcls-grid", {}, [
      this.#toolbar.bar,
      this.#scroller,
      this.#toolbar.status,
      this.#toolbar.help,
      this.#viewer.root,
    ]);
    keepKeys(this.root);
    this.#listen();
    this.#resized = new ResizeObserver(() => this.#onResize());
    this.#resized.observe(this.#scroller);
    this.#start();
  }

  /** Give the keyboard to the photos; an open photo keeps it. */
  focus(): void {
    if (!this.viewing) this.#scroller.focus({ preventScroll: true });
  }

  /** Row of the photo that keys act on, -1 for none. */
  get active(): number {
    return this.#active < 0 ? -1 : this.#order.rowAt(this.#active);
  }

  /** Number of selected photos. */
  get selected(): number {
    return this.#selection.count;
  }

  /** Whether a photo is open large. */
  get viewing(): boolean {
    return this.#viewer.root.open;
  }

  photo(row: number): Photo | undefined {
    return this.#photos.get(row);
  }

  /** One photo large, as the URL of a picture that the caller revokes. */
  large(row: number, size: number): Promise<string> {
    return this.#photos.large(row, size);
  }

  /** Rows of the selected photos, else of the active one. */
  chosen(): Uint32Array<ArrayBuffer> {
    if (this.#selection.count > 0) return this.#selection.rows();
    return Uint32Array.from(this.#active < 0 ? [] : [this.active]);
  }

  /** Go to the next photo for which `skip` is false, from the start after the last; or stay. */
  goOn(skip: (row: number) => boolean): boolean {
    const { count } = this.#layout;
    for (let step = 1; step < count; step++) {
      const position = (this.#active + step) % count;
      if (skip(this.#order.rowAt(position))) continue;
      this.#moveTo(position);
      return true;
    }
    return false;
  }

  /** Go to the next photo, or stay at the last. */
  goToNext(): void {
    if (this.#active + 1 < this.#layout.count) this.#moveTo(this.#active + 1);
  }

  /** Go to a photo if it is shown. */
  goToRow(row: number): void {
    const position = this.#order.positionOf(row);
    if (position >= 0) this.#moveTo(position);
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#fetching.stop();
    clearTimeout(this.#saveTimer);
    this.#resized.disconnect();
    this.#model.off("msg:custom", this.#onChange);
    this.#model.off("change:thumbnail_size", this.#relayout);
    this.#model.off("change:active", this.#onActive);
    this.#model.off("change:height", this.#onHeight);
    this.#photos.clear();
    this.client.close();
  }

  // -- what the kernel says ---------------------------------------------------------------------

  #start(): void {
    this.#toolbar.say("");
    this.#photos.clear();
    this.client.ask<Numbers>({ kind: "state" }).then(
      ({ content, buffers: [selected, ...order] }) => {
        this.#ready = true;
        this.#setOrder({ content, buffers: order });
        this.#selection.replace(numbers(selected));
        this.#onActive();
      },
      (error: Error) => this.#toolbar.say(`The photos could not be had: ${error.message}`),
    );
  }

  #setOrder({ content, buffers }: Answer<Numbers>): void {
    const row = this.#active < 0 ? -1 : this.#order.rowAt(this.#active);
    if (content.total !== this.#order.total) {
      const rows = this.#selection.rows();
      this.#selection = new Selection(content.total);
      this.#selection.replace(rows);
    }
    this.#order = new Order(content.total, content.ordered ? numbers(buffers[0]) : null);
    this.#selection.anchor = 0;
    this.#active = this.#order.positionOf(row);
    this.#relayout();
    if (this.#active >= 0) this.#scrollTo(layout.topToShow(this.#active, this.#top, this.#layout));
  }

  #onChange = (
    content: { kind: string; what: string; source?: string },
    buffers: DataView<ArrayBuffer>[],
  ) => {
    if (content.kind !== "changed" || !this.#ready) return;
    if (content.what === "order") {
      this.#setOrder({ content: content as never, buffers });
    } else if (content.what === "selected") {
      // What this view told may be older than what it shows.
      if (content.source === this.client.view) return;
      this.#selection.replace(numbers(buffers[0]));
      this.#draw();
    } else if (content.what === "photos") {
      const { rows, photos } = content as unknown as { rows: number[]; photos: Description[] };
      this.#photos.update(rows, photos);
      this.#draw();
    } else if (content.what === "captions") {
      this.#photos.markAllStale();
      const { total } = content as unknown as Numbers;
      if (total !== this.#order.total && this.#order.whole) {
        this.#setOrder({ content: { total, ordered: false }, buffers: [] });
      }
      this.#draw();
    }
  };

  #overdue(count: number): void {
    this.#toolbar.say(
      count === 0
        ? ""
        : "The kernel does not answer: it is busy with another cell, or stopped. The photos come " +
            "when it is free; after a restart, run the cell again.",
    );
  }

  #onActive = (): void => {
    const row = this.#model.get("active");
    const position = row < 0 ? -1 : this.#order.positionOf(row);
    if (position !== this.#active) {
      this.#active = position;
      if (position >= 0) this.#scrollTo(layout.topToShow(position, this.#top, this.#layout));
    }
    this.#draw();
  };

  #onHeight = (): void => {
    this.#scroller.style.height = `${this.#model.get("height")}px`;
  };

  // -- what the user does -----------------------------------------------------------------------

  #listen(): void {
    const model = this.#model;
    model.on("msg:custom", this.#onChange);
    model.on("change:thumbnail_size", this.#relayout);
    model.on("change:active", this.#onActive);
    model.on("change:height", this.#onHeight);
    const scroller = this.#scroller;
    scroller.addEventListener("scroll", () => {
      // A scaled scroll bar is too coarse for the wheel: what the wheel set must not be overridden.
      const known = layout.toScroll(this.#top, this.#layout);
      if (Math.abs(scroller.scrollTop - known) < 1.5) return;
      this.#top = layout.toContent(scroller.scrollTop, this.#layout);
      this.#draw();
    });
    scroller.addEventListener(
      "wheel",
      (event) => {
        if (!layout.isScaled(this.#layout) || event.ctrlKey) return;
        const unit = [1, 40, this.#layout.viewHeight][event.deltaMode] ?? 1;
        if (this.#scrollTo(this.#top + event.deltaY * unit)) event.preventDefault();
      },
      { passive: false },
    );
    scroller.addEventListener("keydown", (event) => this.#onKey(event));
    this.#layer.addEventListener("dblclick", (event) => {
      if (this.#lines.positionOf(event.target as Element) !== null) this.open();
    });
    addRubberBand({
      layer: this.#layer,
      top: () => this.#top,
      scrollBy: (pixels) => this.#scrollTo(this.#top + pixels),
      pressed: (event) => this.#onPress(event),
      begin: (keep) => {
        this.#before = keep ? this.#selection.rows() : new Uint32Array();
      },
      drag: (x1, y1, x2, y2) => {
        this.#selection.replace(this.#before ?? []);
        for (const position of layout.positionsUnder(x1, y1, x2, y2, this.#layout)) {
          this.#selection.add(this.#order.rowAt(position));
        }
        this.#draw();
      },
      end: () => {
        const [first] = this.#selection.rows();
        const lost = first !== undefined && !this.#selection.has(this.active);
        if (lost) this.#setActive(this.#order.positionOf(first));
        this.#sendSelection();
        this.#draw();
      },
    });
  }

  #onPress(event: PointerEvent): void {
    const position = this.#lines.positionOf(event.target as Element);
    this.focus();
    if (position === null) {
      this.#selection.replace([]);
    } else {
      this.#select(position, event.shiftKey, event.ctrlKey || event.metaKey);
      this.#setActive(position);
    }
    this.#sendSelection();
    this.#draw();
  }

  #select(position: number, range: boolean, keep: boolean): void {
    if (range) {
      this.#selection.range(this.#selection.anchor, position, this.#order.rowAt, keep);
      return;
    }
    if (keep) this.#selection.toggle(this.#order.rowAt(position));
    else this.#selection.replace([this.#order.rowAt(position)]);
    this.#selection.anchor = position;
  }

  #onKey(event: KeyboardEvent): void {
    const control = event.ctrlKey || event.metaKey;
    const target = control ? null : layout.moved(event.key, this.#active, this.#layout);
    if (target !== null) {
      this.#select(target, event.shiftKey, false);
      this.#sendSelection();
      this.#goTo(target);
    } else if (control && event.key.toLowerCase() === "a") {
      this.#selection.range(0, this.#layout.count - 1, this.#order.rowAt, false);
      this.#sendSelection();
    } else if (event.key === "Escape") {
      this.#selection.replace([]);
      this.#sendSelection();
    } else if (event.key === " " && this.#active >= 0) {
      this.#select(this.#active, false, true);
      this.#sendSelection();
    } else if (event.key === "Enter" && !control && !event.shiftKey && this.#active >= 0) {
      this.open();
    } else if (event.key === "#") {
      this.#toolbar.askForNumber();
    } else if (event.key === "?") {
      this.#toolbar.showKeys();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
  }

  #moveTo(position: number): void {
    this.#select(position, false, false);
    this.#sendSelection();
    this.#goTo(position);
    if (this.#viewer.root.open) this.open();
  }

  #goTo(position: number): void {
    if (!Number.isFinite(position) || this.#layout.count === 0) return;
    const target = Math.min(Math.max(0, Math.round(position)), this.#layout.count - 1);
    this.#setActive(target);
    this.#scrollTo(layout.topToShow(target, this.#top, this.#layout));
    this.#draw();
  }

  /** Open the active photo as large as the page. */
  open(): void {
    const photo = this.#photos.get(this.#order.rowAt(this.#active));
    const number = `${(this.#active + 1).toLocaleString("en")} of ${this.#layout.count.toLocaleString("en")}`;
    const title = [number, photo?.caption, photo?.badge].filter(Boolean).join(" · ");
    void this.#viewer.show({ title, preview: photo?.url ?? null });
  }

  #setActive(position: number): void {
    this.#active = position;
    this.#model.set("active", this.#order.rowAt(position));
    this.#model.save_changes();
  }

  #sendSelection(): void {
    this.client.tell({ kind: "select" }, [this.#selection.rows().buffer]);
  }

  #onResize(): void {
    this.#relayout();
    const height = Math.round(this.#scroller.getBoundingClientRect().height);
    if (height === 0 || height === this.#model.get("height")) return;
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => {
      this.#model.set("height", Math.min(Math.max(160, height), 2000));
      this.#model.save_changes();
    }, 300);
  }

  // -- drawing ----------------------------------------------------------------------------------

  #relayout = (): void => {
    const size = this.#model.get("thumbnail_size");
    const count = this.#order.count;
    const { clientWidth, clientHeight } = this.#scroller;
    if (clientWidth === 0) return; // not in the page yet, or hidden
    const first = Math.floor(this.#top / this.#layout.stepY) * this.#layout.columns;
    const same = this.#layout.count === count;
    const held = same && this.#active >= 0 && this.#lines.holds(this.#active, this.#layout);
    this.#layout = layout.layOut(count, clientWidth, clientHeight, size);
    this.#lines.clear();
    this.#spacer.style.height = `${Math.max(0, this.#layout.scrollHeight - clientHeight)}px`;
    this.#layer.style.height = `${clientHeight}px`;
    this.root.style.setProperty("--ig-size", `${size}px`);
    this.#scroller.setAttribute("aria-rowcount", String(this.#layout.rows));
    this.#scroller.setAttribute("aria-colcount", String(this.#layout.columns));
    // The photos at the top stay in sight when their size or the width changes; the active one
    // even more so.
    if (same && first > 0)
      this.#top = Math.floor(first / this.#layout.columns) * this.#layout.stepY;
    if (held) this.#top = layout.topToShow(this.#active, this.#top, this.#layout);
    this.#scrollTo(this.#top);
    this.#draw();
  };

  /** Whether that changed anything. */
  #scrollTo(top: number): boolean {
    const clamped = layout.clampTop(top, this.#layout);
    const changed = clamped !== this.#top;
    this.#top = clamped;
    this.#scroller.scrollTop = layout.toScroll(clamped, this.#layout);
    if (changed) this.#draw();
    return changed;
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#drawNow());
  }

  #drawNow(): void {
    if (!this.#ready) return;
    const painted = this.#lines.draw(
      layout.rowsInSight(this.#top, this.#layout),
      this.#top,
      this.#layout,
      this.#order,
      this.#photos,
      this.#selection,
      this.#active,
    );
    this.#empty.hidden = this.#layout.count > 0;
    this.#empty.textContent =
      this.#order.total > 0 ? "No photos match: clear the filter." : "The dataset has no photos.";
    if (this.#active >= 0 && this.#lines.holds(this.#active, this.#layout)) {
      this.#scroller.setAttribute("aria-activedescendant", this.#lines.id(this.#active));
    } else {
      this.#scroller.removeAttribute("aria-activedescendant");
    }
    this.#toolbar.update(
      this.#layout.count,
      this.#order.total,
      this.#selection.count,
      this.#model.get("thumbnail_size"),
    );
    this.root.dataset.painted = String(painted);
    this.surroundings.moved?.();
    this.#fetching.soon();
  }
}

function numbers(buffer: DataView<ArrayBuffer> | undefined): Uint32Array {
  if (!buffer) return new Uint32Array();
  // A copy: the bytes may not start at a multiple of four.
  return new Uint32Array(
    buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength),
  );
}
