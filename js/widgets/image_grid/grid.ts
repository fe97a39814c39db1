/** The grid of one page view: only the photos in sight are in the page. */

import type { AnyModel } from "@anywidget/types";
import { type Answer, Client } from "../shared/client";
import { count, element } from "../shared/dom";
import { keepKeys } from "../shared/host_keys";
import { plainKey } from "../shared/keys";
import { Fetching } from "./photos/fetching";
import { type Description, type Photo, Photos } from "./photos/photos";
import { Choice } from "./selection/choice";
import { rowsOf } from "./selection/order";
import { addRubberBand } from "./selection/rubber";
import type { ImageGridState } from "./state";
import * as layout from "./view/layout";
import { Lines } from "./view/lines";
import { Toolbar } from "./view/toolbar";
import { Viewer } from "./view/viewer";
import { Viewport } from "./view/viewport";

interface Numbers {
  total: number;
  ordered: boolean;
}

/** What the kernel sends besides answers; a widget around the grid has further messages. */
type Message =
  | ({ kind: "changed"; what: "order" | "captions" } & Numbers)
  | { kind: "changed"; what: "selected"; source: string | null }
  | { kind: "changed"; what: "active"; source: string | null; row: number }
  | { kind: "changed"; what: "photos"; rows: number[]; photos: Description[] };

/** What a widget that is built around a grid adds to it. */
export interface Surroundings {
  /** Further keys and what they do, for the list of keyboard shortcuts. */
  keys?: [string, string][];
  /** Called when the active photo or the selection has changed. */
  moved?(): void;
}

export class Grid {
  readonly root: HTMLElement;
  /** The widget around the grid asks through it, too. */
  readonly client: Client;
  readonly #model: AnyModel<ImageGridState>;
  readonly #photos: Photos;
  readonly #fetching: Fetching;
  readonly #toolbar: Toolbar;
  readonly #viewer: Viewer;
  readonly #viewport: Viewport;
  readonly #empty = element("div", "ig-empty", {}, ["No photos match: clear the filter."]);
  readonly #lines: Lines;
  readonly #choice: Choice;
  #ready = false;
  #frame = 0;

  constructor(
    model: AnyModel<ImageGridState>,
    private readonly surroundings: Surroundings = {},
  ) {
    this.#model = model;
    this.client = new Client(model, (count) => this.#overdue(count));
    this.#choice = new Choice(this.client);
    this.#photos = new Photos(
      this.client,
      () => this.#draw(),
      (reason) => this.#toolbar.say(`Could not load photos: ${reason}`),
    );
    this.#viewport = new Viewport({
      scrolled: () => this.#draw(),
      resized: () => this.#relayout(),
      dragged: (height) => {
        model.set("height", height);
        model.save_changes();
      },
    });
    this.#lines = new Lines(this.#viewport.layer, () => this.#draw());
    this.#fetching = new Fetching(this.#photos, () => ({
      top: this.#viewport.top,
      layout: this.#viewport.layout,
      order: this.#choice.order,
      thumbnailSize: model.get("thumbnail_size"),
    }));
    this.#toolbar = new Toolbar({
      goTo: (position) => this.#goTo(position),
      resize: (size) => {
        model.set("thumbnail_size", size);
        model.save_changes();
      },
      retry: () => this.#start(),
      leave: () => this.focus(),
      keys: surroundings.keys ?? [],
    });
    this.#viewer = new Viewer(
      (size) => this.#photos.large(this.#choice.order.rowAt(this.#choice.active), size),
      (by) => {
        const next = Math.min(
          Math.max(0, this.#choice.active + by),
          this.#viewport.layout.count - 1,
        );
        if (next !== this.#choice.active) this.#moveTo(next);
      },
      () => this.focus(),
    );
    this.#viewport.layer.append(this.#empty);
    this.#onHeight();
    this.root = element("div", "imgcls-grid", {}, [
      this.#toolbar.bar,
      this.#viewport.root,
      this.#toolbar.status,
      this.#toolbar.help,
      this.#viewer.root,
    ]);
    keepKeys(this.root);
    this.#listen();
    this.#start();
  }

  /** Move the focus to the photos, unless a photo is open. */
  focus(): void {
    if (!this.viewing) this.#viewport.root.focus({ preventScroll: true });
  }

  /** Row of the photo that keys act on, -1 for none. */
  get active(): number {
    return this.#choice.activeRow;
  }

  /** Number of selected photos. */
  get selected(): number {
    return this.#choice.selection.count;
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
    return this.#choice.rows();
  }

  /** Go to the next photo for which `skip` is false, from the start after the last; or stay. */
  goOn(skip: (row: number) => boolean): boolean {
    const { count } = this.#viewport.layout;
    for (let step = 1; step < count; step++) {
      const position = (this.#choice.active + step) % count;
      if (skip(this.#choice.order.rowAt(position))) continue;
      this.#moveTo(position);
      return true;
    }
    return false;
  }

  /** Go to the next photo, or stay at the last. */
  goToNext(): void {
    if (this.#choice.active + 1 < this.#viewport.layout.count)
      this.#moveTo(this.#choice.active + 1);
  }

  /** Go to a photo if it is shown. */
  goToRow(row: number): void {
    const position = this.#choice.order.positionOf(row);
    if (position >= 0) this.#moveTo(position);
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#fetching.stop();
    this.#viewport.close();
    this.#model.off("msg:custom", this.#onChange);
    this.#model.off("change:thumbnail_size", this.#relayout);
    this.#model.off("change:height", this.#onHeight);
    this.#photos.clear();
    this.client.close();
  }

  // -- messages from the kernel -----------------------------------------------------------------

  #start(): void {
    this.#toolbar.say("");
    this.#photos.clear();
    this.client.ask<Numbers>({ kind: "state" }).then(
      ({ content, buffers: [selected, ...order] }) => {
        const again = this.#ready;
        this.#ready = true;
        this.#setOrder({ content, buffers: order });
        if (again) return;
        this.#choice.selection.replace(rowsOf(selected));
        this.#setActive(this.#model.get("active"));
      },
      (error: Error) => this.#toolbar.say(`Could not load photos: ${error.message}`),
    );
  }

  #setOrder({ content, buffers }: Answer<Numbers>): void {
    this.#choice.setOrder(content.total, content.ordered ? rowsOf(buffers[0]) : null);
    this.#relayout();
    if (this.#choice.active >= 0) this.#viewport.show(this.#choice.active);
  }

  #onChange = (content: Message, buffers: DataView<ArrayBuffer>[]) => {
    if (content.kind !== "changed" || !this.#ready) return;
    if (content.what === "order") {
      this.#setOrder({ content, buffers });
    } else if (content.what === "selected") {
      // What this view sent may be older than what it shows.
      if (content.source === this.client.view) return;
      this.#choice.selection.replace(rowsOf(buffers[0]));
      this.#draw();
    } else if (content.what === "active") {
      if (content.source !== this.client.view) this.#setActive(content.row);
    } else if (content.what === "photos") {
      this.#photos.update(content.rows, content.photos);
      this.#draw();
    } else if (content.what === "captions") {
      this.#photos.markAllStale();
      const { total } = content;
      if (total !== this.#choice.order.total && this.#choice.order.whole) {
        this.#setOrder({ content: { total, ordered: false }, buffers: [] });
      }
      this.#draw();
    }
  };

  #overdue(count: number): void {
    // A page of voila shows no cell.
    const words =
      document.body.dataset.voila === undefined
        ? "The kernel does not respond: it is busy with another cell, or it has stopped. The photos " +
          "appear when it is free; after a restart, run the cell again."
        : "The server does not respond: it is busy, or the connection is lost. The photos appear " +
          "when it answers.";
    this.#toolbar.say(count === 0 ? "" : words);
  }

  #setActive(row: number): void {
    const position = row < 0 ? -1 : this.#choice.order.positionOf(row);
    if (position !== this.#choice.active) {
      this.#choice.active = position;
      if (position >= 0) this.#viewport.show(position);
    }
    this.#draw();
  }

  #onHeight = (): void => {
    this.#viewport.setHeight(this.#model.get("height"));
  };

  // -- user input -------------------------------------------------------------------------------

  #listen(): void {
    const model = this.#model;
    model.on("msg:custom", this.#onChange);
    model.on("change:thumbnail_size", this.#relayout);
    model.on("change:height", this.#onHeight);
    const { root, layer } = this.#viewport;
    root.addEventListener("keydown", (event) => this.#onKey(event));
    layer.addEventListener("dblclick", (event) => {
      if (this.#lines.positionOf(event.target as Element) !== null) this.open();
    });
    addRubberBand({
      layer,
      top: () => this.#viewport.top,
      scrollBy: (pixels) => this.#viewport.scrollTo(this.#viewport.top + pixels),
      pressed: (event) => this.#onPress(event),
      begin: (keep) => this.#choice.beginBand(keep),
      drag: (x1, y1, x2, y2) => {
        this.#choice.band(layout.positionsUnder(x1, y1, x2, y2, this.#viewport.layout));
        this.#draw();
      },
      end: () => {
        this.#choice.endBand();
        this.#draw();
      },
    });
  }

  #onPress(event: PointerEvent): void {
    const position = this.#lines.positionOf(event.target as Element);
    this.focus();
    if (position === null) {
      this.#choice.selectNone();
    } else {
      this.#choice.select(position, event.shiftKey, event.ctrlKey || event.metaKey);
      this.#choice.activate(position);
    }
    this.#draw();
  }

  #onKey(event: KeyboardEvent): void {
    const control = event.ctrlKey || event.metaKey;
    const target = control
      ? null
      : layout.moved(event.key, this.#choice.active, this.#viewport.layout);
    if (target !== null) {
      this.#choice.select(target, event.shiftKey);
      this.#goTo(target);
    } else if (control && plainKey(event) === "a") {
      this.#choice.selectAll();
    } else if (event.key === "Escape") {
      this.#choice.selectNone();
    } else if (event.key === " " && this.#choice.active >= 0) {
      this.#choice.select(this.#choice.active, false, true);
    } else if (event.key === "Enter" && !control && !event.shiftKey && this.#choice.active >= 0) {
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
    this.#choice.select(position);
    this.#goTo(position);
    if (this.#viewer.root.open) this.open();
  }

  #goTo(position: number): void {
    if (!Number.isFinite(position) || this.#viewport.layout.count === 0) return;
    const target = Math.min(Math.max(0, Math.round(position)), this.#viewport.layout.count - 1);
    this.#choice.activate(target);
    this.#viewport.show(target);
    this.#draw();
  }

  /** Open the active photo as large as the page. */
  open(): void {
    const photo = this.#photos.get(this.#choice.order.rowAt(this.#choice.active));
    const number = `${count(this.#choice.active + 1)} of ${count(this.#viewport.layout.count)}`;
    const title = [number, photo?.caption, photo?.badge].filter(Boolean).join(" · ");
    void this.#viewer.show({ title, preview: photo?.url ?? null });
  }

  // -- drawing ----------------------------------------------------------------------------------

  #relayout = (): void => {
    const size = this.#model.get("thumbnail_size");
    const held = this.#lines.holds(this.#choice.active, this.#viewport.layout)
      ? this.#choice.active
      : -1;
    if (!this.#viewport.layOut(this.#choice.order.count, size, held)) return;
    this.#lines.clear();
    this.root.style.setProperty("--imgcls-tile", `${size}px`);
    this.#draw();
  };

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#drawNow());
  }

  #drawNow(): void {
    if (!this.#ready) return;
    const painted = this.#lines.draw(
      layout.rowsInSight(this.#viewport.top, this.#viewport.layout),
      this.#viewport.top,
      this.#viewport.layout,
      this.#choice.order,
      this.#photos,
      this.#choice.selection,
      this.#choice.active,
    );
    this.#empty.hidden = this.#viewport.layout.count > 0;
    this.#empty.textContent =
      this.#choice.order.total > 0
        ? "No photos match: clear the filter."
        : "The dataset has no photos.";
    if (this.#lines.holds(this.#choice.active, this.#viewport.layout)) {
      this.#viewport.root.setAttribute(
        "aria-activedescendant",
        this.#lines.id(this.#choice.active),
      );
    } else {
      this.#viewport.root.removeAttribute("aria-activedescendant");
    }
    this.#toolbar.update(
      this.#viewport.layout.count,
      this.#choice.order.total,
      this.#choice.selection.count,
      this.#model.get("thumbnail_size"),
    );
    this.root.dataset.painted = String(painted);
    this.surroundings.moved?.();
    this.#fetching.soon();
  }
}
