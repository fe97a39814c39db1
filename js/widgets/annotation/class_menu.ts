/** A dialog for one class: rename it, merge it into another, show only its photos. */

import { button, element, photos } from "../shared/dom";
import type { Class } from "./labels";

export interface ClassActions {
  rename(old: string, name: string): void;
  merge(old: string, into: string): void;
  showOnly(name: string): void;
  leave(): void;
}

export class ClassMenu {
  readonly root = element("dialog", "an-dialog");

  constructor(private readonly actions: ClassActions) {
    this.root.addEventListener("close", () => this.actions.leave());
  }

  open(of: Class, classes: Class[]): void {
    const name = element("input", "ig-input", { type: "text", maxlength: "200" });
    name.value = of.name;
    const rename = button("Rename", "", () => {
      const other = name.value.trim();
      if (other === "" || other === of.name) return;
      // A name that is taken merges the two classes.
      if (classes.some((c) => c.name === other)) this.#do(() => this.actions.merge(of.name, other));
      else this.#do(() => this.actions.rename(of.name, other));
    });
    name.addEventListener("input", () => {
      const taken = classes.some((c) => c !== of && c.name === name.value.trim());
      rename.textContent = taken ? "Merge" : "Rename";
    });
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // must not press the button that gets the focus back
      rename.click();
    });
    const others = classes.filter((c) => c.name !== of.name);
    const into = element(
      "select",
      "ig-input",
      {},
      others.map((c) => element("option", "", {}, [c.name])),
    );
    const merge = button("Merge", "Give all its photos the other label", () =>
      this.#do(() => this.actions.merge(of.name, into.value)),
    );
    into.disabled = merge.disabled = others.length === 0;
    const title = element("h3", "", {}, [
      of.name,
      " ",
      element("small", "", {}, [photos(of.count)]),
    ]);
    this.root.setAttribute("aria-label", `Class ${of.name}`);
    this.root.replaceChildren(
      title,
      element("div", "an-form", {}, [
        element("label", "", {}, ["New name", name]),
        rename,
        element("label", "", {}, ["Merge into", into]),
        merge,
      ]),
      element("div", "an-actions", {}, [
        button("Show only these photos", "", () => this.#do(() => this.actions.showOnly(of.name))),
        button("Close", "", () => this.root.close()),
      ]),
    );
    this.root.showModal();
    name.select();
  }

  #do(act: () => void): void {
    act();
    this.root.close();
  }
}
