import { plainKey } from "./keys";

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Keep a widget's keys from the host, which else inserts and deletes cells; but it may still save.
 *
 * The host looks from the element in focus upwards for one that a shortcut is meant for, until it
 * meets the attribute. Many shortcuts (`.jp-Notebook … :focus`) are meant for the very element in
 * focus, so that the attribute on the widget's root is too far up. JupyterLab gets a key after the
 * widget, which can stop it; Notebook 7 gets it before.
 */
export function keepKeys(root: HTMLElement): void {
  root.setAttribute(SUPPRESS, "true");
  root.addEventListener("focusin", (event) => {
    (event.target as Element).setAttribute(SUPPRESS, "true");
  });
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || plainKey(event) !== "s") return;
    const forHost = new KeyboardEvent("keydown", event);
    if (root.parentElement?.dispatchEvent(forHost) === false) event.preventDefault();
    event.stopPropagation();
  });
}
