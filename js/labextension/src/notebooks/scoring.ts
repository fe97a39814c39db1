/** The notebook that scores photos with a saved model. */

import { code, markdown, type NotebookText, type Trans } from "./cells";
import { literal, plain } from "./python";

/** For a model file beside the notebook, without its ending. */
export function scoringNotebook(name: string, file: string, trans: Trans): NotebookText {
  const intro = trans.__("Which class does a photo show, and how sure is the classifier?");
  return {
    name: trans.__("%1 scores", name),
    runs: 4,
    cells: [
      markdown(`# ${trans.__("Score photos with %1", plain(name))}\n\n${intro}`),
      code(`import ipywidgets as widgets
import numpy as np
import pandas as pd

from jupyter_imgcls import ClassificationDataset, load_classifier

classifier = load_classifier(${literal(file)})
names = [label.name for label in classifier.labels]


def bars(photo):
    """The five most likely classes of a photo."""
    scores = classifier.score(photo)[0]
    if np.isnan(scores[0]):
        return widgets.Label(${literal(trans.__("This photo cannot be read."))})
    rows = []
    for score, name in sorted(zip(scores, names), reverse=True)[:5]:
        label = widgets.Label(name, layout={"width": "120px"})
        bar = widgets.FloatProgress(score, max=1, layout={"width": "200px"})
        rows.append(widgets.HBox([label, bar, widgets.Label(f"{score:.1%}")]))
    return widgets.VBox(rows)


def show(change):
    """Show each uploaded photo with its scores."""
    rows = []
    for file in change.new:
        photo = bytes(file.content)
        picture = widgets.Image(value=photo, width=160)
        rows.append(widgets.VBox([widgets.Label(file.name), widgets.HBox([picture, bars(photo)])]))
    answers.children = rows


classifier`),
      markdown(trans.__("## Photos from your computer\n\nThe bars are probabilities.")),
      code(`upload = widgets.FileUpload(accept="image/*", multiple=True, description=${literal(trans.__("Photos"))})
upload.observe(show, "value")
answers = widgets.VBox()
widgets.VBox([upload, answers])`),
      markdown(trans.__("## A folder of photos\n\nSet `folder` and run the cell.")),
      code(`folder = "path/to/photos"

photos = ClassificationDataset.create_from_dir("photos", folder)
table = pd.DataFrame(classifier.score(photos), [photo.name for photo in photos.images], names)
table.style.format("{:.1%}", na_rep=${literal(trans.__("cannot be read"))}).background_gradient(axis=None, vmin=0, vmax=1)`),
    ],
  };
}
