/** The list of keyboard shortcuts, and the button that opens it. */

import { button, element } from "./dom";

/** Each row is a key and what it does; `leave` moves the focus back to the widget. */
export function keysDialog(rows: [string, string][], leave: () => void): HTMLDialogElement {
  const lines = rows.map(([key, what]) =>
    element("tr", "", {}, [
      element("th", "", { scope: "row" }, [key]),
      element("td", "", {}, [what]),
    ]),
  );
  const dialog = element("dialog", "ig-help", { "aria-label": "Keyboard shortcuts" }, [
    element("table", "", {}, lines),
    button("Close", "", () => dialog.close()),
  ]);
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "?") dialog.close();
  });
  dialog.addEventListener("close", leave);
  return dialog;
}

export function keysButton(show: () => void): HTMLButtonElement {
  const keys = button("?", "Keyboard shortcuts (?)", show);
  keys.setAttribute("aria-label", "Keyboard shortcuts");
  return keys;
}
