/** Adds keyboard shortcuts, their list and an adjustable height to a widget made of ipywidgets. */

import type { AnyModel } from "@anywidget/types";
import { Accessibility } from "../shared/accessibility";
import { element } from "../shared/dom";
import { keysButton, keysDialog } from "../shared/help";
import { keepKeys } from "../shared/host_keys";
import { isOwnKey, keyName } from "../shared/keys";
import { whenPlaced } from "../shared/placed";
import type { FrameState } from "./state";

export class Frame {
  readonly root = element("div", "imgcls-frame");
  readonly #model: AnyModel<FrameState>;
  readonly #leave: () => void;
  readonly #dragged = new ResizeObserver((entries) => this.#onDrag(entries));
  readonly #added = new MutationObserver(() => this.#onHeight());
  #mains = new Set<HTMLElement>();
  readonly #said = element("span", "ig-unseen", { role: "status" });
  #widget: HTMLElement | null = null;
  #accessibility: Accessibility | null = null;
  #dialog: HTMLDialogElement | null = null;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: AnyModel<FrameState>) {
    this.#model = model;
    this.root.append(
      keysButton(() => this.#showKeys()),
      this.#said,
    );
    this.#leave = whenPlaced(this.root, ".imgcls", (widget) => this.#place(widget));
  }

  close(): void {
    clearTimeout(this.#saveTimer);
    this.#leave();
    this.#dragged.disconnect();
    this.#added.disconnect();
    this.#accessibility?.close();
    this.#model.off("change:height", this.#onHeight);
    this.#model.off("change:said", this.#say);
    this.#model.off("change:parts", this.#onParts);
    this.#widget?.removeEventListener("keydown", this.#onKey);
    this.#widget?.removeEventListener("click", this.#onClick);
  }

  #place(widget: HTMLElement): void {
    this.#widget = widget;
    widget.tabIndex = 0;
    widget.setAttribute("role", "region");
    widget.setAttribute("aria-label", this.#model.get("name"));
    keepKeys(widget);
    widget.addEventListener("keydown", this.#onKey);
    widget.addEventListener("click", this.#onClick);
    this.#added.observe(widget, { childList: true, subtree: true });
    this.#model.on("change:height", this.#onHeight);
    this.#onHeight();
    this.#accessibility = new Accessibility(widget, () => this.#model.get("parts"));
    this.#model.on("change:parts", this.#onParts);
    this.#model.on("change:said", this.#say);
    this.#say();
  }

  // -- for a screen reader ----------------------------------------------------------------------

  #onParts = (): void => this.#accessibility?.update();

  #say = (): void => {
    this.#said.textContent = this.#model.get("said");
  };

  // -- keys -------------------------------------------------------------------------------------

  #showKeys(): void {
    this.#dialog?.remove();
    const rows = this.#model
      .get("key_list")
      .map(([, key, what]) => [key, what] as [string, string]);
    rows.push(["?", "show this list"]);
    this.#dialog = keysDialog(rows, () => this.#widget?.focus({ preventScroll: true }));
    this.root.append(this.#dialog);
    this.#dialog.showModal();
  }

  #onKey = (event: KeyboardEvent): void => {
    const target = event.target as Element;
    const key = event.key === "?" ? "?" : keyName(event);
    if (key === null || isOwnKey(target, key)) return;
    if (key === "?") this.#showKeys();
    else if (this.#model.get("key_list").some(([names]) => names?.split(" ").includes(key)))
      this.#model.send({ kind: "key", key });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  #onClick = (event: MouseEvent): void => {
    const tick = (event.target as Element).closest(".imgcls-ticks .tick");
    if (!tick) return;
    // D3 moves the ticks of a vertical axis down, those of a horizontal one to the right.
    const side = tick.getAttribute("transform")?.startsWith("translate(0,") ? "row" : "column";
    this.#model.send({ kind: "tick", side, text: tick.textContent });
  };

  // -- height -----------------------------------------------------------------------------------

  #onHeight = (): void => {
    const height = `${this.#model.get("height")}px`;
    for (const main of this.#widget?.querySelectorAll<HTMLElement>(".imgcls-main") ?? []) {
      const known = this.#mains.has(main);
      if (known && this.#saveTimer !== undefined) continue; // being dragged
      main.style.height = height;
      if (known) continue;
      this.#mains.add(main);
      this.#dragged.observe(main);
    }
  };

  #onDrag(entries: ResizeObserverEntry[]): void {
    for (const { target } of entries) {
      const height = Math.round(Number.parseFloat((target as HTMLElement).style.height));
      if (height === this.#model.get("height")) continue;
      clearTimeout(this.#saveTimer);
      this.#saveTimer = setTimeout(() => {
        this.#saveTimer = undefined;
        this.#model.set("height", Math.min(Math.max(160, height), 2000));
        this.#model.save_changes();
        this.#onHeight();
      }, 300);
    }
  }
}
