/** Sends files to the kernel piece by piece, as the kernel asks for them. */

import type { AnyModel } from "@anywidget/types";
import { element } from "../shared/dom";
import { keepKeys } from "../shared/host_keys";
import type { UploadState } from "./state";

interface Request {
  kind: "more" | "done" | "refused";
  at?: number;
  length?: number;
  words?: string;
}

export class Uploader {
  readonly root = element("div", "imgcls-upload");
  readonly #model: AnyModel<UploadState>;
  readonly #input = element("input", "up-input", { type: "file" });
  readonly #label = element("span", "up-label");
  readonly #hint = element("span", "up-hint");
  readonly #bar = element("progress", "up-bar", { max: "1", value: "0", hidden: "" });
  readonly #status = element("div", "up-status", { role: "status" });
  #files: File[] = [];
  #at = 0;

  constructor(model: AnyModel<UploadState>) {
    this.#model = model;
    const area = element("label", "up-area", {}, [this.#input, this.#label, this.#hint]);
    this.root.append(area, this.#bar, this.#status);
    this.#input.addEventListener("change", () => this.#begin(this.#input.files));
    for (const kind of ["dragover", "drop"])
      area.addEventListener(kind, (event) => event.preventDefault());
    area.addEventListener("dragenter", () => area.classList.add("up-over"));
    area.addEventListener("dragleave", () => area.classList.remove("up-over"));
    area.addEventListener("drop", (event) => {
      area.classList.remove("up-over");
      if (!this.#input.disabled) this.#begin(event.dataTransfer?.files ?? null);
    });
    keepKeys(this.root);
    model.on("change", this.#draw);
    model.on("msg:custom", this.#receive);
    this.#draw();
  }

  close(): void {
    this.#model.off("change", this.#draw);
    this.#model.off("msg:custom", this.#receive);
  }

  #draw = (): void => {
    const model = this.#model;
    this.#label.textContent = model.get("label");
    this.#hint.textContent = model.get("hint");
    this.#input.accept = model.get("accept");
    this.#input.multiple = model.get("multiple");
    this.#input.disabled = model.get("disabled") || this.#files.length > 0;
    this.root.toggleAttribute("data-busy", this.#input.disabled);
  };

  #begin(chosen: FileList | null): void {
    this.#files = Array.from(chosen ?? []);
    if (!this.#files.length) return;
    this.#at = 0;
    this.#say("");
    this.#draw();
    const files = this.#files.map(({ name, size }) => ({ name, size }));
    this.#model.send({ kind: "files", files });
  }

  #end(words: string): void {
    this.#files = [];
    this.#input.value = ""; // so that the same file can be chosen again
    this.#bar.hidden = true;
    this.#say(words);
    this.#draw();
  }

  #say(words: string): void {
    this.#status.textContent = words;
  }

  #receive = (request: Request): void => {
    if (request.kind === "done") this.#end("");
    else if (request.kind === "refused") this.#end(request.words ?? "");
    else void this.#send(request.at ?? 0, request.length ?? 0);
  };

  /** Send a piece of the files, which count as one after the other. */
  async #send(at: number, length: number): Promise<void> {
    let start = at;
    const file = this.#files.find(({ size }) => {
      if (start < size) return true;
      start -= size;
      return false;
    });
    if (!file) return; // the upload was cancelled
    const total = this.#files.reduce((sum, { size }) => sum + size, 0);
    this.#at = at;
    this.#bar.hidden = false;
    this.#bar.value = this.#at / total;
    this.#say(`Uploading ${file.name}: ${Math.floor((100 * at) / total)}%`);
    try {
      const piece = await file.slice(start, start + length).arrayBuffer();
      this.#model.send({ kind: "piece", at }, undefined, [piece]);
    } catch {
      this.#model.send({ kind: "unreadable", name: file.name });
    }
  }
}
