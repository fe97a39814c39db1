/** The positions of the photos in the grid, and which are visible: numbers only, no DOM. */

/** Browsers limit the height of an element; beyond this height the scroll position is scaled. */
export const MAX_SCROLL_HEIGHT = 8_000_000;

const GAP = 8;
const CAPTION_HEIGHT = 20;

export interface Layout {
  /** Number of photos shown. */
  count: number;
  columns: number;
  rows: number;
  /** Distance from one photo to the next, in CSS pixels. */
  stepX: number;
  stepY: number;
  /** Height that all rows would take, and the height that the scroll element gets. */
  contentHeight: number;
  scrollHeight: number;
  viewHeight: number;
}

export function layOut(
  count: number,
  width: number,
  viewHeight: number,
  thumbnailSize: number,
): Layout {
  const columns = Math.max(1, Math.floor((width - GAP) / (thumbnailSize + GAP)));
  const rows = Math.ceil(count / columns);
  const stepY = thumbnailSize + CAPTION_HEIGHT + GAP;
  const contentHeight = rows * stepY + GAP;
  return {
    count,
    columns,
    rows,
    stepX: thumbnailSize + GAP,
    stepY,
    contentHeight,
    scrollHeight: Math.min(contentHeight, MAX_SCROLL_HEIGHT),
    viewHeight,
  };
}

function scale(layout: Layout): number {
  const room = layout.scrollHeight - layout.viewHeight;
  return room > 0 ? (layout.contentHeight - layout.viewHeight) / room : 1;
}

export function isScaled(layout: Layout): boolean {
  return layout.contentHeight > layout.scrollHeight;
}

/** Content position of a scroll position, and the reverse. */
export function toContent(scrollTop: number, layout: Layout): number {
  return clampTop(scrollTop * scale(layout), layout);
}

export function toScroll(top: number, layout: Layout): number {
  return top / scale(layout);
}

export function clampTop(top: number, layout: Layout): number {
  return Math.min(Math.max(0, top), Math.max(0, layout.contentHeight - layout.viewHeight));
}

/** First visible row and the row after the last one. */
export function rowsInSight(top: number, layout: Layout): [number, number] {
  const first = Math.floor(top / layout.stepY);
  const last = Math.ceil((top + layout.viewHeight) / layout.stepY);
  return [Math.max(0, first), Math.min(layout.rows, last)];
}

/** Content position that brings a photo into sight with the least scrolling. */
export function topToShow(position: number, top: number, layout: Layout): number {
  const rowTop = Math.floor(position / layout.columns) * layout.stepY;
  const lowest = rowTop + layout.stepY + GAP - layout.viewHeight;
  return clampTop(Math.min(Math.max(top, lowest), rowTop), layout);
}

/** Position that a key leads to from another one, or null for a key that does not move. */
export function moved(key: string, position: number, layout: Layout): number | null {
  const page = Math.max(1, Math.floor(layout.viewHeight / layout.stepY)) * layout.columns;
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -layout.columns,
    ArrowDown: layout.columns,
    PageUp: -page,
    PageDown: page,
    Home: -Infinity,
    End: Infinity,
  };
  const step = steps[key];
  if (step === undefined || layout.count === 0) return null;
  if (position < 0) return key === "End" ? layout.count - 1 : 0;
  const target = position + step;
  if (key === "ArrowUp" && target < 0) return position;
  return Math.min(Math.max(0, target), layout.count - 1);
}

/** Positions under a rectangle that is given by two corners, in content pixels. */
export function positionsUnder(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  layout: Layout,
): number[] {
  const columnAt = (x: number) => Math.floor((x - GAP) / layout.stepX);
  const left = Math.max(0, columnAt(Math.min(x1, x2)));
  const right = Math.min(layout.columns - 1, columnAt(Math.max(x1, x2)));
  const upper = Math.max(0, Math.floor((Math.min(y1, y2) - GAP) / layout.stepY));
  const lower = Math.min(layout.rows - 1, Math.floor((Math.max(y1, y2) - GAP) / layout.stepY));
  const found: number[] = [];
  for (let row = upper; row <= lower; row++) {
    for (let column = left; column <= right; column++) {
      const position = row * layout.columns + column;
      if (position < layout.count) found.push(position);
    }
  }
  return found;
}
