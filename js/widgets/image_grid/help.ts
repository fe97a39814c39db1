/** The dialog that lists the keys of a widget. */

import { element } from "./dom";

/** Make it; each row is a key and what it does, and `leave` gets the keyboard back. */
export function keysDialog(rows: [string, string][], leave: () => void): HTMLDialogElement {
  const lines = rows.map(([key, what]) =>
    element("tr", "", {}, [
      element("th", "", { scope: "row" }, [key]),
      element("td", "", {}, [what]),
    ]),
  );
  const close = element("button", "ig-button", { type: "button" }, ["Close"]);
  const dialog = element("dialog", "ig-help", { "aria-label": "Keys" }, [
    element("table", "", {}, lines),
    close,
  ]);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "?") dialog.close();
  });
  dialog.addEventListener("close", leave);
  return dialog;
}

/** Make the button that shows it. */
export function keysButton(show: () => void): HTMLButtonElement {
  const button = element(
    "button",
    "ig-button",
    { type: "button", title: "Keys (?)", "aria-label": "Show the keys" },
    ["?"],
  );
  button.addEventListener("click", show);
  return button;
}
