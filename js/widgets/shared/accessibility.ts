/** Adds what ipywidgets and bqplot lack for screen readers: names, pressed states, progress. */

export class Accessibility {
  readonly #changed = new MutationObserver(() => this.update());

  constructor(
    private readonly widget: HTMLElement,
    /** Pairs of a CSS class and the label for the elements that have it. */
    private readonly parts: () => string[][] = () => [],
  ) {
    const attributeFilter = ["class", "style"];
    this.#changed.observe(widget, { childList: true, subtree: true, attributeFilter });
    this.update();
  }

  close(): void {
    this.#changed.disconnect();
  }

  update(): void {
    for (const [kind, words] of this.parts()) {
      for (const part of this.widget.getElementsByClassName(kind as string)) {
        name(part, words as string);
      }
    }
    for (const slider of this.widget.querySelectorAll(".widget-slider")) {
      const label = slider.querySelector(".widget-label")?.textContent;
      if (label) name(slider, label);
    }
    for (const button of this.widget.querySelectorAll(".widget-toggle-buttons button")) {
      button.setAttribute("aria-pressed", String(button.classList.contains("mod-active")));
    }
    for (const bar of this.widget.querySelectorAll<HTMLElement>(".progress > .progress-bar")) {
      const progress = bar.parentElement as HTMLElement;
      const percent = Number.parseFloat(bar.style.width) || 0;
      progress.setAttribute("role", "progressbar");
      progress.setAttribute("aria-valuenow", percent.toFixed());
      progress.ariaLabel ??= "Progress";
    }
    // A picture without a description has its text beside it.
    for (const image of this.widget.querySelectorAll("img:not([alt])")) {
      image.setAttribute("alt", "");
    }
  }
}

function name(part: Element, words: string): void {
  const within = part.querySelector("[role=slider], .progress, img") ?? part;
  if (within.matches("img")) within.setAttribute("alt", words);
  else within.setAttribute("aria-label", words);
  if (within === part) part.setAttribute("role", "img");
}
