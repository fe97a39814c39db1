/** One photo as large as the page: wheel, + and - zoom, = resets, arrows change the photo. */

import { button, element } from "../../shared/dom";

export interface Viewed {
  title: string;
  /** The thumbnail, shown until the photo has loaded. */
  preview: string | null;
}

export class Viewer {
  readonly root = element("dialog", "ig-viewer", { "aria-label": "Photo" });
  readonly #image = element("img", "", { alt: "", draggable: "false" });
  readonly #message = element("div", "ig-viewer-message", { role: "status" });
  readonly #title = element("span", "ig-viewer-title", { "aria-live": "polite" });
  #url: string | null = null;
  #turn = 0;
  #zoom = 1;
  #x = 0;
  #y = 0;

  constructor(
    private readonly load: (size: number) => Promise<string>,
    private readonly step: (by: number) => void,
    private readonly closed: () => void,
  ) {
    const close = button("✕", "", () => this.root.close());
    close.setAttribute("aria-label", "Close");
    const stage = element("div", "ig-stage", {}, [this.#image, this.#message]);
    this.root.append(element("div", "ig-viewer-bar", {}, [this.#title, close]), stage);
    this.root.addEventListener("keydown", (event) => this.#onKey(event));
    this.root.addEventListener("close", () => this.#onClose());
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener("pointermove", (event) => {
      if (event.buttons & 1)
        this.#place(this.#zoom, this.#x + event.movementX, this.#y + event.movementY);
    });
    stage.addEventListener("dblclick", () => this.root.close());
  }

  async show(photo: Viewed): Promise<void> {
    const turn = ++this.#turn;
    this.#title.textContent = photo.title;
    this.#image.alt = photo.title;
    this.#message.textContent = "";
    this.#place(1, 0, 0);
    if (photo.preview) this.#image.src = photo.preview;
    else this.#image.removeAttribute("src");
    if (!this.root.open) this.root.showModal();
    const longer = Math.max(window.innerWidth, window.innerHeight) * window.devicePixelRatio;
    try {
      const url = await this.load(Math.min(1600, Math.ceil(longer)));
      if (turn !== this.#turn || !this.root.open) {
        URL.revokeObjectURL(url);
        return;
      }
      if (this.#url) URL.revokeObjectURL(this.#url);
      this.#url = url;
      this.#image.src = url;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#image.removeAttribute("src");
      this.#message.textContent = `This photo cannot be shown: ${(error as Error).message}`;
    }
  }

  #onClose(): void {
    this.#turn++;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.closed();
  }

  #onKey(event: KeyboardEvent): void {
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      "+": () => this.#place(this.#zoom * 1.25, this.#x, this.#y),
      "-": () => this.#place(this.#zoom / 1.25, this.#x, this.#y),
      "=": () => this.#place(1, 0, 0),
      Enter: () => this.root.close(),
    };
    const action = actions[event.key];
    if (!action) return; // the widget around the grid may handle it
    event.stopPropagation();
    event.preventDefault();
    action();
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const zoom = Math.min(16, Math.max(1, this.#zoom * 2 ** (-event.deltaY / 240)));
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    // The point under the pointer stays there.
    const x = event.clientX - box.x - box.width / 2;
    const y = event.clientY - box.y - box.height / 2;
    const ratio = zoom / this.#zoom;
    this.#place(zoom, x - (x - this.#x) * ratio, y - (y - this.#y) * ratio);
  }

  #place(zoom: number, x: number, y: number): void {
    this.#zoom = Math.min(16, Math.max(1, zoom));
    [this.#x, this.#y] = this.#zoom === 1 ? [0, 0] : [x, y];
    this.#image.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#zoom})`;
  }
}
