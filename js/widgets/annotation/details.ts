/** The active photo, large, with its details. */

import { element } from "../shared/dom";
import type { Class } from "./labels";

export interface Facts {
  name: string;
  path: string;
  size: [number, number] | null;
  bytes: number | null;
  problem: string | null;
  part: string | null;
  labels: string[];
  excluded: boolean;
  history: { time: string; who: string; action: string; before: string; after: string }[];
}

const PARTS: Record<string, string> = { train: "training", test: "test", validation: "validation" };
const ACTIONS: Record<string, string> = { undo: " (undone)", redo: " (redone)" };

export class Details {
  readonly root = element("section", "an-details", { "aria-label": "Photo" });
  readonly #hint = element("p", "an-soft", {}, ["Click a photo to see it large and to label it."]);
  readonly #parts = element("div", "an-parts");
  readonly #image = element("img", "", { alt: "", draggable: "false" });
  readonly #message = element("div", "an-soft");
  readonly #title = element("div", "an-title");
  readonly #label = element("select", "ig-input", { "aria-label": "Label" });
  readonly #facts = element("table", "");
  readonly #history = element("ul", "an-history", { "aria-label": "History" });
  #url: string | null = null;

  constructor(label: (name: string | null) => void, open: () => void) {
    const frame = element("div", "an-photo", { title: "Double-click to open large" }, [
      this.#image,
      this.#message,
    ]);
    frame.addEventListener("dblclick", open);
    this.#label.addEventListener("change", () =>
      label(this.#label.selectedIndex === 0 ? null : this.#label.value),
    );
    this.#parts.append(frame, this.#title, this.#label, this.#facts, this.#history);
    this.root.append(this.#hint, this.#parts);
    this.#parts.hidden = true;
  }

  hide(): void {
    this.#hint.hidden = false;
    this.#parts.hidden = true;
  }

  /** Show what is known already: how many photos are selected, and the thumbnail. */
  begin(title: string, preview: string | null): void {
    this.#hint.hidden = true;
    this.#parts.hidden = false;
    this.#title.textContent = title;
    this.#title.title = title;
    this.#message.textContent = "";
    this.#drop();
    if (preview) this.#image.src = preview;
    else this.#image.removeAttribute("src");
  }

  show(facts: Facts, classes: Class[]): void {
    this.#label.replaceChildren(
      element("option", "", {}, ["no label"]),
      ...classes.map((c) => element("option", "", { value: c.name }, [c.name])),
    );
    const first = classes.findIndex((c) => c.name === facts.labels[0]);
    this.#label.selectedIndex = first + 1;
    this.#image.alt = facts.name;
    const lines: [string, string][] = [];
    if (facts.labels.length > 1) lines.push(["Labels", facts.labels.join(", ")]);
    if (facts.excluded) lines.push(["Excluded", "not part of the dataset"]);
    if (facts.size) {
      lines.push(["Size", `${facts.size.join(" × ")} px, ${bytes(facts.bytes ?? 0)}`]);
    }
    if (facts.part) lines.push(["Part", PARTS[facts.part] ?? facts.part]);
    lines.push(["Path", facts.path]);
    this.#facts.replaceChildren(
      ...lines.map(([what, value]) =>
        element("tr", "", {}, [
          element("th", "", { scope: "row" }, [what]),
          element("td", "", {}, [value]),
        ]),
      ),
    );
    this.#showHistory(facts.history);
  }

  #showHistory(history: Facts["history"]): void {
    this.#history.replaceChildren(
      ...history.toReversed().map((edit) => {
        const at = new Date(edit.time);
        const time = at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
        return element("li", "", {}, [
          `${edit.before} → ${edit.after}${ACTIONS[edit.action] ?? ""} `,
          element("span", "an-soft", {}, [`${time}, ${edit.who}`]),
        ]);
      }),
    );
  }

  showPhoto(url: string): void {
    this.#drop();
    this.#url = url;
    this.#image.src = url;
  }

  showProblem(reason: string): void {
    this.#image.removeAttribute("src");
    this.#message.textContent = `This photo cannot be shown: ${reason}`;
  }

  close(): void {
    this.#drop();
  }

  #drop(): void {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
  }
}

function bytes(count: number): string {
  if (count < 1000) return `${count} bytes`;
  return count < 1e6 ? `${Math.round(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}
