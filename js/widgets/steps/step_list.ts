/** The steps of the dashboard: which is shown, which are done, and which are locked. */

import type { AnyModel } from "@anywidget/types";
import { Accessibility } from "../shared/accessibility";
import { element } from "../shared/dom";
import { keepKeys } from "../shared/host_keys";
import { whenPlaced } from "../shared/placed";
import type { StepListState } from "./state";

const MARKS: Record<string, string> = { done: "✓", again: "!" };
const SAID: Record<string, string> = {
  done: "done",
  again: "to repeat",
  open: "to do",
  locked: "locked",
};

export class StepList {
  readonly root = element("nav", "imgcls-steps", { "aria-label": "Steps" });
  readonly #model: AnyModel<StepListState>;
  readonly #fold = element("button", "ds-fold", { type: "button", "aria-expanded": "false" });
  readonly #list = element("ol", "ds-list");
  readonly #leave: () => void;
  #accessibility: Accessibility | null = null;

  constructor(model: AnyModel<StepListState>) {
    this.#model = model;
    this.root.append(this.#fold, this.#list);
    this.#fold.addEventListener("click", () => this.#unfold(!this.root.hasAttribute("data-open")));
    this.#list.addEventListener("click", this.#onClick);
    keepKeys(this.root);
    this.#leave = whenPlaced(this.root, ".imgcls-dashboard", (page) => {
      this.#accessibility = new Accessibility(page);
    });
    model.on("change:steps change:current", this.#draw);
    this.#draw();
  }

  close(): void {
    this.#leave();
    this.#accessibility?.close();
    this.#model.off("change:steps change:current", this.#draw);
  }

  #unfold(open: boolean): void {
    this.root.toggleAttribute("data-open", open);
    this.#fold.setAttribute("aria-expanded", String(open));
  }

  #draw = (): void => {
    const steps = this.#model.get("steps");
    const current = this.#model.get("current");
    this.#fold.textContent = steps.length
      ? `Step ${current + 1} of ${steps.length}: ${steps[current]?.[0]}`
      : "";
    const focused = this.#list.contains(document.activeElement);
    this.#list.replaceChildren(
      ...steps.map(([name = "", state = "", note = ""], number) => {
        const mark = element("span", "ds-mark", { "aria-hidden": "true" }, [
          MARKS[state] ?? `${number + 1}`,
        ]);
        const words = element("span", "ds-words", {}, [
          element("span", "ds-name", {}, [name]),
          element("span", "ds-said", {}, [` (${SAID[state]})`]),
          element("span", "ds-note", {}, [note]),
        ]);
        const button = element(
          "button",
          `ds-step ds-${state}`,
          { type: "button", "data-step": `${number}` },
          [mark, words],
        );
        if (number === current) button.setAttribute("aria-current", "step");
        if (state === "locked") button.setAttribute("aria-disabled", "true");
        return element("li", "ds-item", {}, [button]);
      }),
    );
    if (focused) this.#list.querySelector<HTMLElement>("[aria-current]")?.focus();
  };

  #onClick = (event: Event): void => {
    const button = (event.target as Element).closest<HTMLElement>("[data-step]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    this.#unfold(false);
    this.#model.set("current", Number(button.dataset.step));
    this.#model.save_changes();
  };
}
