/** The progress of labelling, whether edits are saved, undo and redo, and messages. */

import type { AnyModel } from "@anywidget/types";
import { button, count, element } from "../shared/dom";
import type { LabelState } from "./labels";
import type { AnnotationUIState } from "./state";

/** Show 'Saving…' for an edit that takes longer than this, in milliseconds. */
const SLOW = 400;

export interface BarActions {
  undo(): void;
  redo(): void;
  save(): void;
  /** Continue an interrupted move. */
  finish(): void;
  stop(): void;
}

export class Bar {
  readonly root: HTMLElement;
  readonly switches: HTMLElement;
  readonly status = element("div", "an-status");
  readonly #meter = element("progress", "an-meter", { "aria-label": "Labelled" });
  readonly #text = element("span", "an-count");
  readonly #saved = element("span", "an-soft an-saved");
  readonly #said = element("span", "", { role: "status" });
  readonly #far = element("span", "an-soft an-count");
  readonly #undo: HTMLButtonElement;
  readonly #redo: HTMLButtonElement;
  readonly #finish: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #ends: (() => void)[] = [];
  #pending = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly model: AnyModel<AnnotationUIState>,
    actions: BarActions,
  ) {
    this.#undo = button("↶ Undo", "Undo (Ctrl-Z)", actions.undo);
    this.#redo = button("↷ Redo", "Redo (Ctrl-Shift-Z)", actions.redo);
    this.#finish = button("Finish", "Move the remaining photos", actions.finish);
    this.#stop = button("Stop", "Cancel without changes", actions.stop);
    this.root = element("div", "an-bar", {}, [
      this.#meter,
      this.#text,
      this.#saved,
      this.#undo,
      this.#redo,
    ]);
    if (model.get("can_write")) {
      const what = "To a file, or by moving the photos";
      this.root.append(button("Write the labels…", what, actions.save));
    }
    this.switches = element("div", "an-switches", {}, [
      this.#switch("skip_labelled", "Skip labelled", "After a label, go to a photo without one"),
      this.#switch("several", "Several labels", "A photo may have several labels"),
    ]);
    this.status.append(this.#said, this.#far, this.#stop, this.#finish);
    this.#stop.hidden = this.#finish.hidden = true;
    this.say("");
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  update(state: LabelState): void {
    this.#meter.max = Math.max(1, state.of);
    this.#meter.value = state.labelled;
    const excluded = state.excluded > 0 ? `, ${count(state.excluded)} excluded` : "";
    this.#text.textContent = `${count(state.labelled)} of ${count(state.of)} labelled${excluded}`;
    this.#undo.disabled = !state.can_undo;
    this.#redo.disabled = !state.can_redo;
    if (state.trouble) this.say(state.trouble, true);
    this.#finish.hidden = state.unfinished === 0;
    if (state.unfinished > 0) {
      this.say(`Moving the photos was interrupted: ${count(state.unfinished)} remain.`, true);
    }
  }

  /** An edit begins; call the returned function when it ends. */
  begin(): (said?: string) => void {
    this.#pending++;
    if (this.#pending === 1) {
      this.#timer = setTimeout(() => {
        this.#saved.textContent = "Saving…";
      }, SLOW);
    }
    return (said) => {
      this.#pending--;
      if (said !== undefined) this.say(said);
      if (this.#pending > 0) return;
      clearTimeout(this.#timer);
      this.#saved.textContent = "✓ All saved";
      this.#stop.hidden = true;
      this.#far.textContent = "";
    };
  }

  progress(done: number, of: number): void {
    // A screen reader announces only the words, once.
    if (this.#stop.hidden) this.say("Reading the photos");
    this.#far.textContent = `${count(done)} of ${count(of)}`;
    this.#stop.hidden = false;
  }

  say(words: string, wrong = false): void {
    this.#said.textContent = words;
    this.status.classList.toggle("an-wrong", wrong);
  }

  #switch(trait: "skip_labelled" | "several", text: string, title: string): HTMLElement {
    const box = element("input", "", { type: "checkbox" });
    const update = () => {
      box.checked = this.model.get(trait);
    };
    box.addEventListener("change", () => {
      this.model.set(trait, box.checked);
      this.model.save_changes();
    });
    this.model.on(`change:${trait}`, update);
    this.#ends.push(() => this.model.off(`change:${trait}`, update));
    update();
    return element("label", "an-switch", { title }, [box, text]);
  }
}
