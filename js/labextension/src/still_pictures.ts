/** Shows the picture that is saved with a widget when the widget itself cannot be shown. */

import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { Widget } from "@lumino/widgets";

/** Marks the outputs of our widgets; see `jupyter_imgcls/widgets/base/still.py`. */
const STILL = "application/vnd.jupyter-imgcls.still+json";
const LIVE = "application/vnd.jupyter.widget-view+json";
/** Smaller ranks are preferred; the widget manager has -10. */
const RANK = -20;

export const stillPictures: JupyterFrontEndPlugin<void> = {
  id: "jupyter_imgcls:still-pictures",
  description: "Shows a picture of a widget in a notebook without a running kernel.",
  autoStart: true,
  activate: (app) => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (panel) => {
        const { rendermime } = (panel as unknown as NotebookPanel).content;
        if (!rendermime.getFactory(LIVE)) return; // ipywidgets are switched off
        const factory = { safe: false, mimeTypes: [STILL], createRenderer: () => live(rendermime) };
        rendermime.addFactory(factory, RANK);
      },
    });
  },
};

interface NotebookPanel {
  content: Widget & { rendermime: IRenderMimeRegistry };
}

/**
 * The widget manager's renderer, which shows a picture as long as it has only text to show.
 *
 * It must be the manager's own renderer: once the kernel runs, the manager looks for its renderers
 * in the outputs and calls their `renderModel` again when the widgets of a reloaded page are back.
 */
function live(rendermime: IRenderMimeRegistry): IRenderMime.IRenderer {
  const renderer = rendermime.createRenderer(LIVE);
  const { node } = renderer;
  const renderLive = renderer.renderModel.bind(renderer);
  let shown: unknown;
  renderer.renderModel = async (model) => {
    const { model_id } = model.data[LIVE] as { model_id: string };
    // A newer picture does not make the view of a visible widget obsolete.
    if (shown === model_id) return;
    const picture = stillPicture(model);
    const done = renderLive(model);
    node.replaceChildren(picture);
    await done;
    if (renderer.isDisposed) return;
    if ([...node.children].some((child) => child !== picture)) {
      shown = model_id;
      picture.remove();
    } else {
      node.replaceChildren(picture);
      renderer.show(); // a closed widget is hidden
    }
  };
  return renderer;
}

function stillPicture({ data }: IRenderMime.IMimeModel): HTMLElement {
  const { picture } = data[STILL] as { picture: "image/png" | "image/jpeg" };
  const image = document.createElement("img");
  image.src = `data:${picture};base64,${data[picture]}`;
  image.alt = "Picture of the widget";
  const note = document.createElement("figcaption");
  note.textContent = "Picture only: run the cell to use the widget.";
  const figure = document.createElement("figure");
  figure.className = "imgcls-still";
  figure.append(image, note);
  return figure;
}
