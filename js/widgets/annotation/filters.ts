/** Which photos are shown: the controls are the widget's synced traits. */

import type { AnyModel } from "@anywidget/types";
import { button, element } from "../shared/dom";
import type { Class } from "./labels";
import type { AnnotationUIState } from "./state";

const SHOWN: Record<string, string> = {
  all: "All photos",
  unlabelled: "Without a label",
  labelled: "With a label",
  edited: "Edited",
  excluded: "Excluded",
};

export class Filters {
  readonly root = element("div", "an-filters", { role: "search" });
  readonly #show = element(
    "select",
    "ig-input",
    { "aria-label": "Which photos" },
    Object.entries(SHOWN).map(([key, text]) => element("option", "", { value: key }, [text])),
  );
  readonly #class = element("select", "ig-input an-class-filter", {
    "aria-label": "Of which class",
  });
  readonly #name = element("input", "ig-input an-search", {
    type: "search",
    placeholder: "Name contains…",
    title: "Part of the file's name (/)",
    "aria-label": "Name contains",
  });
  readonly #again: HTMLButtonElement;
  readonly #clear: HTMLButtonElement;
  #names = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly model: AnyModel<AnnotationUIState>,
    again: () => void,
    leave: () => void,
  ) {
    this.#again = button(
      "Apply again",
      "Apply the filter again; edited photos stay until then",
      again,
    );
    this.#clear = button("Clear", "Show all photos", () => this.clear());
    this.#show.addEventListener("change", () => this.#save({ show: this.#show.value }));
    this.#class.addEventListener("change", () =>
      this.#save({ shown_class: this.#class.selectedIndex === 0 ? "" : this.#class.value }),
    );
    this.#name.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#save({ name_part: this.#name.value }), 250);
    });
    this.#name.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") leave();
    });
    this.root.append(this.#show, this.#class, this.#name, this.#again, this.#clear);
    for (const trait of ["show", "shown_class", "name_part"]) {
      model.on(`change:${trait}`, this.#update);
    }
    this.setClasses([]);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const trait of ["show", "shown_class", "name_part"]) {
      this.model.off(`change:${trait}`, this.#update);
    }
  }

  focus(): void {
    this.#name.focus();
  }

  clear(): void {
    this.#save({ show: "all", shown_class: "", name_part: "" });
  }

  showOnly(name: string): void {
    this.#save({ show: "all", shown_class: name, name_part: "" });
  }

  setClasses(classes: Class[]): void {
    const names = JSON.stringify(classes.map((c) => c.name));
    if (names === this.#names) return;
    this.#names = names;
    this.#class.replaceChildren(
      element("option", "", {}, ["All classes"]),
      ...classes.map((c) => element("option", "", { value: c.name }, [c.name])),
    );
    this.#update();
  }

  #save(state: Partial<AnnotationUIState>): void {
    for (const [trait, value] of Object.entries(state)) {
      this.model.set(trait as "show", value as string);
    }
    this.model.save_changes();
    this.#update();
  }

  #update = (): void => {
    const [show, of, part] = [
      this.model.get("show"),
      this.model.get("shown_class"),
      this.model.get("name_part"),
    ];
    this.#show.value = show;
    const options = [...this.#class.options];
    this.#class.selectedIndex =
      of === "" ? 0 : options.findIndex((option, place) => place > 0 && option.value === of);
    if (this.#name.value !== part) this.#name.value = part;
    this.#again.hidden = this.#clear.hidden = show === "all" && of === "" && part === "";
  };
}
