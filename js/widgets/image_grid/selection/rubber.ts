/** Dragging a rectangle over photos. */

import { element } from "../../shared/dom";

const SLACK = 5;

export interface RubberHost {
  /** The part of the page that shows photos. */
  readonly layer: HTMLElement;
  /** Content position of the upper edge of the layer. */
  top(): number;
  scrollBy(pixels: number): void;
  pressed(event: PointerEvent): void;
  /** A drag begins; keep what is selected now if asked to. */
  begin(keep: boolean): void;
  drag(x1: number, y1: number, x2: number, y2: number): void;
  end(): void;
}

export function addRubberBand(host: RubberHost): void {
  const { layer } = host;
  const band = element("div", "ig-band");
  let start: { x: number; y: number } | null = null;
  let last: PointerEvent | null = null;
  let dragging = false;
  let frame = 0;

  const where = (event: PointerEvent) => {
    const box = layer.getBoundingClientRect();
    return { x: event.clientX - box.x, y: event.clientY - box.y };
  };

  const update = () => {
    if (!start || !last) return;
    const at = where(last);
    const height = layer.clientHeight;
    // Beyond the edges the photos scroll along.
    const beyond = at.y < 0 ? at.y : Math.max(0, at.y - height);
    if (beyond !== 0) host.scrollBy(beyond / 4);
    const startY = start.y - host.top();
    Object.assign(band.style, {
      left: `${Math.min(start.x, at.x)}px`,
      top: `${Math.min(startY, at.y)}px`,
      width: `${Math.abs(at.x - start.x)}px`,
      height: `${Math.abs(at.y - startY)}px`,
    });
    host.drag(start.x, start.y, at.x, Math.min(Math.max(at.y, 0), height) + host.top());
    if (beyond !== 0) frame = requestAnimationFrame(update);
  };

  const finish = (event: PointerEvent) => {
    cancelAnimationFrame(frame);
    if (dragging) host.end();
    else if (start && event.type === "pointerup") host.pressed(event);
    start = null;
    dragging = false;
    band.remove();
  };

  layer.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = where(event);
    start = { x: at.x, y: at.y + host.top() };
  });
  layer.addEventListener("pointermove", (event) => {
    if (!start) return;
    const at = where(event);
    if (!dragging) {
      if (Math.hypot(at.x - start.x, at.y + host.top() - start.y) < SLACK) return;
      dragging = true;
      layer.setPointerCapture(event.pointerId);
      layer.append(band);
      host.begin(event.ctrlKey || event.metaKey || event.shiftKey);
    }
    last = event;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(update);
  });
  layer.addEventListener("pointerup", finish);
  layer.addEventListener("pointercancel", finish);
}
