/** Fetches a file from the kernel piece by piece and saves it in the browser, without a server. */

import type { AnyModel } from "@anywidget/types";
import { element } from "../shared/dom";
import { keepKeys } from "../shared/host_keys";
import type { DownloadState } from "./state";

interface Answer {
  kind: "making" | "made" | "piece" | "failed";
  name?: string;
  size?: number;
  words?: string;
}

export class Downloader {
  readonly root = element("div", "imgcls-download");
  readonly #model: AnyModel<DownloadState>;
  readonly #button = element("button", "dl-button", { type: "button" });
  readonly #stop = element("button", "dl-button dl-stop", { type: "button" }, ["Stop"]);
  readonly #note = element("span", "dl-note");
  readonly #status = element("div", "dl-status", { role: "status" });
  #file: Answer | null = null;
  #pieces: ArrayBuffer[] = [];
  #at = 0;
  #busy = false;

  constructor(model: AnyModel<DownloadState>) {
    this.#model = model;
    this.root.append(this.#button, this.#stop, this.#note, this.#status);
    this.#button.addEventListener("click", () => this.#ask());
    this.#stop.addEventListener("click", () => this.#end());
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
    this.#button.textContent = this.#model.get("label");
    this.#note.textContent = this.#model.get("note");
    this.#button.disabled = this.#model.get("disabled") || this.#busy;
    this.#stop.hidden = !this.#busy;
  };

  #ask(): void {
    this.#begin(true, "Preparing…");
    this.#model.send({ kind: "make" });
  }

  #end(): void {
    this.#model.send({ kind: "stop" });
    this.#begin(false, "Stopped.");
    this.#button.focus();
  }

  #begin(busy: boolean, words: string): void {
    this.#busy = busy;
    this.#file = null;
    this.#pieces = [];
    this.#at = 0;
    this.#status.textContent = words;
    this.#draw();
  }

  #receive = (answer: Answer, buffers: (DataView | ArrayBuffer)[]): void => {
    // The widget may be shown several times: only the view that was clicked reacts.
    if (!this.#busy) return;
    if (answer.kind === "failed") this.#begin(false, answer.words ?? "");
    else if (answer.kind === "making") this.#status.textContent = answer.words ?? "";
    else if (answer.kind === "made") this.#file = answer;
    else if (buffers[0]) this.#add(buffers[0]);
    if (this.#file) this.#next(this.#file);
  };

  #add(data: DataView | ArrayBuffer): void {
    const piece = data instanceof DataView ? data : new DataView(data);
    this.#pieces.push(
      piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.byteLength) as ArrayBuffer,
    );
    this.#at += piece.byteLength;
  }

  #next({ name = "", size = 0 }: Answer): void {
    if (this.#at < size) {
      this.#status.textContent = `Downloading: ${Math.floor((100 * this.#at) / size)}%`;
      this.#model.send({ kind: "more", at: this.#at });
      return;
    }
    const url = URL.createObjectURL(new Blob(this.#pieces));
    element("a", "", { href: url, download: name }).click();
    // The browser reads it after the click.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    this.#begin(false, `Saved ${name} to the download folder of your browser.`);
  }
}
