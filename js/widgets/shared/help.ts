/** The dialog that lists the keys of a widget. */

import { button, element } from "./dom";

/** Make it; each row is a key and what it does, and `leave` gets the keyboard back. */
export function keysDialog(rows: [string, string][], leave: () => void): HTMLDialogElement {
  const lines = rows.map(([key, what]) =>
    element("tr", "", {}, [
      element("th", "", { scope: "row" }, [key]),
      element("td", "", {}, [what]),
    ]),
  );
  const dialog = element("dialog", "ig-help", { "aria-label": "Keys" }, [
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

/** Make the button that shows it. */
export function keysButton(show: () => void): HTMLButtonElement {
  const keys = button("?", "Keys (?)", show);
  keys.setAttribute("aria-label", "Show the keys");
  return keys;
}
