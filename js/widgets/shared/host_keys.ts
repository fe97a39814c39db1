import { plainKey } from "./keys";

const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Keep a widget's keys from the host, which would insert or delete cells; only saving still works.
 *
 * The host searches for a shortcut from the focused element upwards, until it meets the attribute.
 * Many shortcuts (`.jp-Notebook … :focus`) match the focused element itself, so the attribute on
 * the widget's root alone would come too late. JupyterLab handles a key after the widget, which can
 * stop it; Notebook 7 handles it before.
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
