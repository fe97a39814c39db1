/** A dialog that writes the labels to a place of the user's choice, after a preview. */

import { button, element, photos } from "../shared/dom";

export interface Plan {
  plan: string;
  moves: number;
  /** Whether a file is written and no photo moved. */
  writes: boolean;
}

type Commit = (target: string, dryRun: boolean) => Promise<Plan>;

export class Saving {
  readonly root = element("dialog", "an-dialog an-saving", { "aria-label": "Write the labels" });
  readonly #target = element("input", "ig-input", {
    type: "text",
    placeholder: "Folder, labels.csv or labels.json",
  });
  readonly #plan = element("div", "an-plan", { tabindex: "0", "aria-live": "polite" });
  readonly #go: HTMLButtonElement;
  #planned = "";

  constructor(
    private readonly commit: Commit,
    leave: () => void,
  ) {
    this.#go = button("Write", "", () => void this.#ask(false));
    const close = button("Close", "", () => this.root.close());
    const look = button(
      "Show what will happen",
      "Preview without changes",
      () => void this.#ask(true),
    );
    this.#target.addEventListener("input", () => this.#forget());
    this.#target.addEventListener("keydown", (event) => {
      if (event.key === "Enter") void this.#ask(true);
    });
    this.root.append(
      element("h3", "", {}, ["Write the labels"]),
      element("p", "", {}, [
        "Your labels are safe in the journal. Here you export them to a CSV or JSON file, or move " +
          "the photos into one folder per class. Nothing is overwritten or deleted.",
      ]),
      element("div", "an-form", {}, [element("label", "", {}, ["Where", this.#target]), look]),
      this.#plan,
      element("div", "an-actions", {}, [this.#go, close]),
    );
    this.root.addEventListener("close", leave);
  }

  open(folder: string): void {
    if (this.#target.value === "") this.#target.value = folder;
    this.#forget();
    this.root.showModal();
    this.#target.focus();
  }

  #forget(): void {
    this.#planned = "";
    this.#plan.textContent = "";
    this.#go.disabled = true;
    this.#go.textContent = "Write";
    this.#go.title = "Show first what will happen";
  }

  async #ask(dryRun: boolean): Promise<void> {
    const target = dryRun ? this.#target.value : this.#planned;
    this.#go.disabled = true;
    this.#plan.textContent = dryRun ? "Checking…" : "Writing…";
    try {
      const { plan, moves, writes } = await this.commit(target, dryRun);
      this.#plan.textContent = dryRun ? plan : `Done.\n${plan}`;
      this.#planned = target;
      this.#go.disabled = !dryRun || (moves === 0 && !writes);
      this.#go.title = "";
      this.#go.textContent = writes ? "Write the file" : `Move ${photos(moves)}`;
    } catch (error) {
      this.#plan.textContent = (error as Error).message;
    }
  }
}
