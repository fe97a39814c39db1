/** AnnotationUI in the page: the grid, the classes, and the active photo beside it. */

import type { AnyModel } from "@anywidget/types";
import { Grid } from "../image_grid/grid";
import { named } from "../image_grid/selection/order";
import type { ImageGridState } from "../image_grid/state";
import { CancelledError } from "../shared/client";
import { element, photos } from "../shared/dom";
import { keepKeys } from "../shared/host_keys";
import { plainKey } from "../shared/keys";
import { Bar } from "./bar";
import { ClassMenu } from "./class_menu";
import { Details, type Facts } from "./details";
import { Filters } from "./filters";
import { classOf, Flags, type LabelState } from "./labels";
import { Palette } from "./palette";
import { type Plan, Saving } from "./saving";
import type { AnnotationUIState } from "./state";

const KEYS: [string, string][] = [
  ["1 – 9, a – z", "label the selected photos with the class of this key"],
  ["0", "remove the label"],
  ["Delete", "exclude from the dataset, or include again"],
  ["Ctrl-Z, Ctrl-Shift-Z", "undo, redo; also edits of earlier sessions"],
  ["+", "new class"],
  ["/", "find photos by name"],
];
/** Details are requested when a photo stays active for this long, in milliseconds. */
const PAUSE = 80;
const PHOTO_SIZE = 640;

/** What the kernel sends besides answers and the messages of the grid. */
type Message =
  /** Changed labels: those of `rows`, or all. */
  | ({ kind: "changed"; what: "labels"; rows?: number[]; done?: boolean[] } & LabelState)
  | { kind: "changed"; what: "progress"; done: number; of: number };

export class Annotator {
  readonly root: HTMLElement;
  readonly #model: AnyModel<AnnotationUIState>;
  readonly #grid: Grid;
  readonly #bar: Bar;
  readonly #filters: Filters;
  readonly #palette: Palette;
  readonly #details: Details;
  readonly #menu: ClassMenu;
  readonly #saving: Saving;
  readonly #pane: HTMLElement;
  #state: LabelState | null = null;
  #done = new Flags();
  #facts: Facts | null = null;
  #shown = "";
  /** Number of keys and clicks so far. */
  #acts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  constructor(model: AnyModel<AnnotationUIState>) {
    this.#model = model;
    const leave = () => this.#grid.focus();
    this.#grid = new Grid(model as unknown as AnyModel<ImageGridState>, {
      keys: KEYS,
      moved: () => this.#onMoved(),
    });
    this.#bar = new Bar(model, {
      undo: () => void this.#takeBack("undo"),
      redo: () => void this.#takeBack("redo"),
      save: () => this.#saving.open(this.#state?.folder ?? ""),
      finish: () => void this.#edit("resume", {}),
      stop: () => this.#grid.client.tell({ kind: "stop" }),
    });
    this.#filters = new Filters(
      model,
      () => {
        this.#grid.client.ask({ kind: "filter" }).catch(this.#failed);
        leave();
      },
      leave,
    );
    this.#palette = new Palette({
      label: (name) => this.#label(name),
      exclude: () => this.#exclude(),
      addClass: (name) => void this.#edit("add_class", { name }),
      openMenu: (of) => this.#menu.open(of, this.#state?.classes ?? []),
      leave,
    });
    this.#details = new Details(
      (name) => this.#label(name),
      () => this.#grid.open(),
    );
    this.#menu = new ClassMenu({
      rename: (old, name) => void this.#edit("rename_class", { old, new: name }),
      merge: (old, into) => void this.#edit("merge_classes", { old, into }),
      showOnly: (name) => this.#filters.showOnly(name),
      leave,
    });
    this.#saving = new Saving((target, dryRun) => this.#commit(target, dryRun), leave);
    this.#pane = element("div", "an-grid", {}, [this.#grid.root]);
    this.root = element(
      "div",
      "imgcls-annotation",
      { role: "region", "aria-label": "Label the photos" },
      [
        this.#bar.root,
        element("div", "an-row", {}, [this.#filters.root, this.#bar.switches]),
        this.#palette.root,
        element("div", "an-body", {}, [this.#pane, this.#details.root]),
        this.#bar.status,
        this.#menu.root,
        this.#saving.root,
      ],
    );
    keepKeys(this.root);
    for (const kind of ["keydown", "pointerdown"]) {
      this.root.addEventListener(kind, () => this.#acts++, { capture: true });
    }
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
    model.on("msg:custom", this.#onChange);
    model.on("change:columns", this.#onColumns);
    this.#onColumns();
    this.#load();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#model.off("msg:custom", this.#onChange);
    this.#model.off("change:columns", this.#onColumns);
    this.#filters.close();
    this.#bar.close();
    this.#details.close();
    this.#grid.close();
  }

  // -- messages from the kernel -----------------------------------------------------------------

  #load(): void {
    this.#grid.client.ask<LabelState>({ kind: "labels" }).then(({ content, buffers }) => {
      this.#done = new Flags(buffers[0]);
      this.#setState(content);
    }, this.#failed);
  }

  #setState(state: LabelState): void {
    this.#state = state;
    this.#bar.update(state);
    this.#filters.setClasses(state.classes);
    this.#updatePalette();
  }

  #onChange = (content: Message, buffers: DataView<ArrayBuffer>[]): void => {
    if (content.kind !== "changed") return;
    if (content.what === "labels") {
      const { rows, done, ...state } = content;
      if (rows) for (const [i, row] of rows.entries()) this.#done.set(row, done?.[i] === true);
      else this.#done = new Flags(buffers[0]);
      this.#setState(state);
      if (!rows || rows.includes(this.#grid.active)) this.#askDetails(PAUSE);
    } else if (content.what === "progress") {
      this.#bar.progress(content.done, content.of);
    }
  };

  #failed = (error: Error): void => {
    if (!(error instanceof CancelledError)) this.#bar.say(error.message, true);
  };

  // -- user input -------------------------------------------------------------------------------

  #onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (
      target.closest("input:not([type=range]):not([type=checkbox]), select, .an-dialog, .ig-help")
    )
      return;
    const control = event.ctrlKey || event.metaKey;
    const key = plainKey(event);
    const named = control || event.altKey ? undefined : classOf(key, this.#state?.classes ?? []);
    if (control && key === "z") {
      void this.#takeBack(event.shiftKey ? "redo" : "undo");
    } else if (control && key === "y") {
      void this.#takeBack("redo");
    } else if (control || event.altKey) {
      return;
    } else if (named) {
      this.#label(named.name);
    } else if (key === "0") {
      this.#label(null);
    } else if (key === "Delete" || key === "Backspace") {
      this.#exclude();
    } else if (key === "+") {
      this.#palette.askForName();
    } else if (key === "/") {
      this.#filters.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #label(name: string | null): void {
    const several = this.#model.get("several");
    this.#change("label", { name, several }, name !== null && !several, name !== null);
  }

  #exclude(): void {
    this.#change("exclude", {}, true, true);
  }

  /** Edit the chosen photos; after a single photo, go on to the next one. */
  #change(kind: string, values: object, goOn: boolean, done: boolean): void {
    const rows = this.#grid.chosen();
    if (rows.length === 0) {
      this.#bar.say("Click a photo first, or move to one with the arrow keys.", true);
      return;
    }
    // Before the kernel confirms it, to find the next photo without a label.
    for (const row of rows) this.#done.set(row, done);
    const [only] = rows;
    void this.#edit(kind, values, rows).then((well) => {
      if (!well) this.#load();
    });
    this.#grid.focus();
    if (rows.length > 1 || !goOn) return;
    this.#grid.goToRow(only as number);
    if (!this.#model.get("skip_labelled")) this.#grid.goToNext();
    else if (!this.#grid.goOn(this.#done.has)) {
      this.#bar.say("All photos shown here have a label.");
    }
  }

  /** Returns whether the edit succeeded. */
  async #edit(kind: string, values: object, rows?: Uint32Array<ArrayBuffer>): Promise<boolean> {
    const saved = this.#bar.begin();
    const acts = this.#acts;
    try {
      // The edit names its photos: what the kernel knows as active may be another view's.
      const photos = rows ? named(rows) : { values: {}, buffers: [] };
      const { content } = await this.#grid.client.ask<{ said?: string; row?: number }>(
        { kind, values: { ...values, ...photos.values } },
        undefined,
        photos.buffers,
      );
      saved(content.said);
      // Show what was undone, unless the user has done something else since.
      const { row = -1 } = content;
      if (row >= 0 && acts === this.#acts) this.#grid.goToRow(row);
      return true;
    } catch (error) {
      saved();
      this.#failed(error as Error);
      return false;
    }
  }

  #takeBack(what: "undo" | "redo"): Promise<boolean> {
    return this.#edit(what, {});
  }

  async #commit(target: string, dryRun: boolean): Promise<Plan> {
    const { content } = await this.#grid.client.ask<Plan>({
      kind: "commit",
      values: { target, dry_run: dryRun },
    });
    return content;
  }

  // -- the photo beside the grid ----------------------------------------------------------------

  #onMoved(): void {
    const now = `${this.#grid.active} ${this.#grid.selected}`;
    if (now === this.#shown) return;
    this.#shown = now;
    this.#facts = null;
    const row = this.#grid.active;
    if (row < 0) {
      this.#turn++;
      this.#details.hide();
      this.#updatePalette();
      return;
    }
    const photo = this.#grid.photo(row);
    const { selected } = this.#grid;
    const title = selected > 1 ? `${photos(selected)} selected` : photo?.caption;
    this.#details.begin(title ?? "", photo?.url ?? null);
    this.#askDetails(PAUSE);
  }

  #askDetails(pause: number): void {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const row = this.#grid.active;
    if (row < 0) return;
    this.#timer = setTimeout(async () => {
      const current = () => turn === this.#turn;
      try {
        const { content } = await this.#grid.client.ask<Facts>({ kind: "details", rows: [row] });
        if (!current()) return;
        this.#facts = content;
        this.#details.show(content, this.#state?.classes ?? []);
        this.#updatePalette();
        if (content.problem !== null) {
          this.#details.showProblem(content.problem);
          return;
        }
        const url = await this.#grid.large(row, PHOTO_SIZE);
        if (current()) this.#details.showPhoto(url);
        else URL.revokeObjectURL(url);
      } catch (error) {
        if (current()) this.#failed(error as Error);
      }
    }, pause);
  }

  #updatePalette(): void {
    this.#palette.update(
      this.#state?.classes ?? [],
      this.#facts?.labels ?? [],
      this.#facts?.excluded ?? false,
    );
  }

  #onColumns = (): void => {
    const columns = this.#model.get("columns");
    const step = this.#model.get("thumbnail_size") + 8;
    // Leaves room for the scroll bar.
    this.#pane.style.flex = columns === 0 ? "" : `0 1 ${columns * step + 30}px`;
  };
}
