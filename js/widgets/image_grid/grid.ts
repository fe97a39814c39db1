/** The grid of one page view: only the photos in sight are in the page. */

import type { AnyModel } from "@anywidget/types";
import { Cell } from "./cell";
import { type Answer, Client } from "./client";
import { element } from "./dom";
import * as layout from "./layout";
import { Photos, sizeToAsk } from "./photos";
import { addRubberBand } from "./rubber";
import { Selection } from "./selection";
import type { ImageGridState } from "./state";
import { Toolbar } from "./toolbar";
import { Viewer } from "./viewer";

const FETCH_EVERY = 60;
let grids = 0;

interface Numbers {
  total: number;
  ordered: boolean;
}

export class Grid {
  readonly root: HTMLElement;
  readonly #model: AnyModel<ImageGridState>;
  readonly #client: Client;
  readonly #photos: Photos;
  readonly #toolbar: Toolbar;
  readonly #viewer: Viewer;
  readonly #spacer = element("div", "ig-spacer", { role: "presentation" });
  readonly #layer = element("div", "ig-layer", { role: "presentation" });
  readonly #empty = element("div", "ig-empty", {}, ["No photos match: clear the filter."]);
  readonly #scroller: HTMLElement;
  readonly #resized: ResizeObserver;
  readonly #name = `ig-${grids++}`;
  #lines = new Map<number, { line: HTMLElement; cells: Cell[] }>();
  #selection = new Selection(0);
  #order: Uint32Array | null = null;
  #positions: Map<number, number> | null = null;
  #total = 0;
  #ready = false;
  #layout = layout.layOut(0, 0, 0, 128);
  #top = 0;
  #active = -1;
  #before: Uint32Array | null = null;
  #frame = 0;
  #fetchTimer: ReturnType<typeof setTimeout> | undefined;
  #fetched = 0;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: AnyModel<ImageGridState>) {
    this.#model = model;
    this.#client = new Client(model, (count) => this.#overdue(count));
    this.#photos = new Photos(
      this.#client,
      () => this.#draw(),
      (reason) => this.#toolbar.say(`The photos could not be had: ${reason}`),
    );
    this.#toolbar = new Toolbar({
      goTo: (position) => this.#goTo(position),
      resize: (size) => {
        model.set("thumbnail_size", size);
        model.save_changes();
      },
      again: () => this.#start(),
      leave: () => this.#scroller.focus({ preventScroll: true }),
    });
    this.#viewer = new Viewer(
      (size) => this.#photos.large(this.#rowAt(this.#active), size),
      (by) => {
        const next = Math.min(Math.max(0, this.#active + by), this.#layout.count - 1);
        if (next === this.#active) return;
        this.#goTo(next);
        this.#open();
      },
      () => this.#scroller.focus({ preventScroll: true }),
    );
    this.#layer.append(this.#empty);
    this.#scroller = element(
      "div",
      "ig-scroller",
      { role: "grid", tabindex: "0", "aria-label": "Photos", "aria-multiselectable": "true" },
      [this.#layer, this.#spacer],
    );
    this.#scroller.style.height = `${model.get("height")}px`;
    // The host must not take the keys as its own while the grid has them.
    this.root = element("div", "imgcls-grid", { "data-lm-suppress-shortcuts": "true" }, [
      this.#toolbar.bar,
      this.#scroller,
      this.#toolbar.status,
      this.#toolbar.help,
      this.#viewer.root,
    ]);
    this.#listen();
    this.#resized = new ResizeObserver(() => this.#onResize());
    this.#resized.observe(this.#scroller);
    this.#start();
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#fetchTimer);
    clearTimeout(this.#saveTimer);
    this.#resized.disconnect();
    this.#model.off("msg:custom", this.#onChange);
    this.#model.off("change:thumbnail_size", this.#relayout);
    this.#model.off("change:active", this.#onActive);
    this.#model.off("change:height", this.#onHeight);
    this.#photos.clear();
    this.#client.close();
  }

  // -- what the kernel says ---------------------------------------------------------------------

  #start(): void {
    this.#toolbar.say("");
    this.#photos.clear();
    this.#client.ask<Numbers>({ kind: "state" }).then(
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
    const row =
      this.#active >= 0 && this.#active < this.#layout.count ? this.#rowAt(this.#active) : -1;
    if (content.total !== this.#total) {
      const rows = this.#selection.rows();
      this.#total = content.total;
      this.#selection = new Selection(this.#total);
      this.#selection.replace(rows);
    }
    this.#order = content.ordered ? numbers(buffers[0]) : null;
    this.#positions = null;
    this.#selection.anchor = 0;
    this.#active = row < 0 ? -1 : this.#positionOf(row);
    this.#relayout();
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
      if (content.source === this.#client.view) return;
      this.#selection.replace(numbers(buffers[0]));
      this.#draw();
    } else {
      this.#photos.markAllStale();
      const { total } = content as unknown as Numbers;
      if (total !== this.#total && !this.#order) {
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
    const position = row < 0 ? -1 : this.#positionOf(row);
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
      if (this.#positionUnder(event) !== null) this.#open();
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
          this.#selection.add(this.#rowAt(position));
        }
        this.#draw();
      },
      end: () => this.#sendSelection(),
    });
  }

  #onPress(event: PointerEvent): void {
    const position = this.#positionUnder(event);
    this.#scroller.focus({ preventScroll: true });
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
      this.#selection.range(this.#selection.anchor, position, this.#rowAt, keep);
      return;
    }
    if (keep) this.#selection.toggle(this.#rowAt(position));
    else this.#selection.replace([this.#rowAt(position)]);
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
      this.#selection.range(0, this.#layout.count - 1, this.#rowAt, false);
      this.#sendSelection();
    } else if (event.key === "Escape") {
      this.#selection.replace([]);
      this.#sendSelection();
    } else if (event.key === " " && this.#active >= 0) {
      this.#select(this.#active, false, true);
      this.#sendSelection();
    } else if (event.key === "Enter" && !control && !event.shiftKey && this.#active >= 0) {
      this.#open();
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

  #goTo(position: number): void {
    if (!Number.isFinite(position) || this.#layout.count === 0) return;
    const target = Math.min(Math.max(0, Math.round(position)), this.#layout.count - 1);
    this.#setActive(target);
    this.#scrollTo(layout.topToShow(target, this.#top, this.#layout));
    this.#draw();
  }

  #open(): void {
    const photo = this.#photos.get(this.#rowAt(this.#active));
    const number = `${(this.#active + 1).toLocaleString("en")} of ${this.#layout.count.toLocaleString("en")}`;
    const title = [number, photo?.caption, photo?.badge].filter(Boolean).join(" · ");
    void this.#viewer.show({ title, preview: photo?.url ?? null });
  }

  #setActive(position: number): void {
    this.#active = position;
    this.#model.set("active", this.#rowAt(position));
    this.#model.save_changes();
  }

  #sendSelection(): void {
    this.#client.tell({ kind: "select" }, [this.#selection.rows().buffer]);
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

  #rowAt = (position: number): number => this.#order?.[position] ?? position;

  #positionOf(row: number): number {
    if (!this.#order) return row < this.#total ? row : -1;
    this.#positions ??= new Map(Array.from(this.#order, (r, position) => [r, position]));
    return this.#positions.get(row) ?? -1;
  }

  #positionUnder(event: MouseEvent): number | null {
    const box = (event.target as Element).closest(".ig-cell");
    for (const { cells } of this.#lines.values()) {
      for (const cell of cells) if (cell.root === box) return cell.position;
    }
    return null;
  }

  #relayout = (): void => {
    const size = this.#model.get("thumbnail_size");
    const count = this.#order ? this.#order.length : this.#total;
    const { clientWidth, clientHeight } = this.#scroller;
    if (clientWidth === 0) return; // not in the page yet, or hidden
    const first = Math.floor(this.#top / this.#layout.stepY) * this.#layout.columns;
    const same = this.#layout.count === count;
    this.#layout = layout.layOut(count, clientWidth, clientHeight, size);
    for (const { line } of this.#lines.values()) line.remove();
    this.#lines.clear();
    this.#spacer.style.height = `${Math.max(0, this.#layout.scrollHeight - clientHeight)}px`;
    this.#layer.style.height = `${clientHeight}px`;
    this.root.style.setProperty("--ig-size", `${size}px`);
    this.#scroller.setAttribute("aria-rowcount", String(this.#layout.rows));
    this.#scroller.setAttribute("aria-colcount", String(this.#layout.columns));
    // The photos at the top stay in sight when their size or the width changes.
    if (same && first > 0)
      this.#top = Math.floor(first / this.#layout.columns) * this.#layout.stepY;
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
    const [first, last] = layout.rowsInSight(this.#top, this.#layout);
    for (const [number, { line }] of this.#lines) {
      if (number < first || number >= last) {
        line.remove();
        this.#lines.delete(number);
      }
    }
    let painted = true;
    for (let number = first; number < last; number++) {
      const { line, cells } = this.#lines.get(number) ?? this.#addLine(number);
      line.style.transform = `translateY(${number * this.#layout.stepY - this.#top}px)`;
      for (const cell of cells) {
        cell.show(this.#photos.get(cell.row));
        cell.mark(this.#selection.has(cell.row), cell.position === this.#active);
        painted &&= cell.painted;
      }
    }
    this.#empty.hidden = this.#layout.count > 0;
    this.#empty.textContent =
      this.#total > 0 ? "No photos match: clear the filter." : "The dataset has no photos.";
    const active = this.#lines.has(Math.floor(this.#active / this.#layout.columns));
    if (active) this.#scroller.setAttribute("aria-activedescendant", this.#cellId(this.#active));
    else this.#scroller.removeAttribute("aria-activedescendant");
    this.#toolbar.update(
      this.#layout.count,
      this.#total,
      this.#selection.count,
      this.#model.get("thumbnail_size"),
    );
    this.root.dataset.painted = String(painted);
    this.#fetchSoon();
  }

  #cellId(position: number): string {
    return `${this.#name}-${position}`;
  }

  #addLine(number: number): { line: HTMLElement; cells: Cell[] } {
    const cells: Cell[] = [];
    for (let column = 0; column < this.#layout.columns; column++) {
      const position = number * this.#layout.columns + column;
      if (position >= this.#layout.count) break;
      cells.push(new Cell(this.#cellId(position), column, position, this.#rowAt(position)));
    }
    const line = element(
      "div",
      "ig-line",
      { role: "row", "aria-rowindex": String(number + 1) },
      cells.map((cell) => cell.root),
    );
    this.#layer.append(line);
    const made = { line, cells };
    this.#lines.set(number, made);
    return made;
  }

  /** Ask at once after a pause, and seldom while the scroll bar is dragged. */
  #fetchSoon(): void {
    if (this.#fetchTimer !== undefined) return;
    const wait = Math.max(0, this.#fetched + FETCH_EVERY - performance.now());
    this.#fetchTimer = setTimeout(() => {
      this.#fetchTimer = undefined;
      this.#fetched = performance.now();
      this.#fetch();
    }, wait);
  }

  #fetch(): void {
    const [first, last] = layout.rowsInSight(this.#top, this.#layout);
    const page = last - first;
    const rowsOf = (from: number, to: number): number[] => {
      const rows: number[] = [];
      const start = Math.max(0, from) * this.#layout.columns;
      const end = Math.min(this.#layout.count, to * this.#layout.columns);
      for (let position = start; position < end; position++) rows.push(this.#rowAt(position));
      return rows;
    };
    const size = sizeToAsk(this.#model.get("thumbnail_size"), window.devicePixelRatio);
    this.#photos.forget(new Set(rowsOf(first - page, last + page)));
    if (this.#photos.fetch(rowsOf(first, last), size) > 0 || this.#photos.busy) return;
    // One screen ahead, once all in sight is there.
    this.#photos.fetch([...rowsOf(last, last + page), ...rowsOf(first - page, first)], size);
  }
}

function numbers(buffer: DataView<ArrayBuffer> | undefined): Uint32Array {
  if (!buffer) return new Uint32Array();
  // A copy: the bytes may not start at a multiple of four.
  return new Uint32Array(
    buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength),
  );
}
