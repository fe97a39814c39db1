/** The notebook with the whole workflow, from a folder of photos to a service. */

import { code, markdown, type NotebookText, type Trans } from "./cells";
import { literal, plain } from "./python";

/** From the settings page; see `schema/datasets.json`. */
export interface Settings {
  baseModel: string;
  /** Empty for the default folders of the user account. */
  outputFolder: string;
  /** In CSS pixels, 64 to 320. */
  thumbnailSize: number;
}

/** For a folder, named `folder` as seen from the notebook. */
export function datasetNotebook(
  name: string,
  folder: string,
  settings: Settings,
  trans: Trans,
): NotebookText {
  const intro = trans.__(
    "From these photos to a tested classifier that other programs can use. The first cells have " +
      "run: correct the labels, then run the other cells one by one (Shift+Enter).",
  );
  const dataset = `ClassificationDataset.create_from_dir(${literal(name)}, ${literal(folder)})`;
  return workflow(name, `# ${plain(name)}\n\n${intro}`, "", dataset, settings, trans);
}

/** For generated sample images. */
export function sampleNotebook(settings: Settings, trans: Trans): NotebookText {
  const title = trans.__("Image classification");
  const intro = trans.__(
    "From 63 generated sample images of tableware to a classifier. Run the cells one by one " +
      "(Shift+Enter). For your own photos, right-click their folder in the file browser and " +
      "choose *%1*.",
    trans.__("Open as image dataset"),
  );
  const sample = "from jupyter_imgcls.data.sample import tableware\n";
  const dataset = 'tableware(n=63, root=output / "tableware")';
  const notebook = workflow(
    "tableware",
    `# ${title}\n\n${intro}`,
    sample,
    dataset,
    settings,
    trans,
  );
  return { ...notebook, name: "Image classification" };
}

function workflow(
  name: string,
  title: string,
  sample: string,
  dataset: string,
  { baseModel, outputFolder, thumbnailSize }: Settings,
  trans: Trans,
): NotebookText {
  const output = outputFolder
    ? `output = Path(${literal(outputFolder)})  # for models, labels and reports
Context.create(outputs_path=output, persistent_path=output, temp_path=output)`
    : "output = Context.get_global_context().storage.outputs_path";
  const service = literal(serviceName(name));
  const first = [
    markdown(title),
    code(`${outputFolder ? "from pathlib import Path\n\n" : ""}from jupyter_imgcls import (
    AnnotationUI,
${sample ? "" : "    ClassificationDataset,\n"}    ClassificationEvaluation,
    Context,
    Deployment,
    PrecisionRecallUI,
    ResultsUI,
    TrainingMonitor,
    TransferLearningModel,
)
${sample}
${output}

dataset = ${dataset}
dataset.print_info()
dataset.problems  # files that cannot be used, with the reason`),
    markdown(
      trans.__(
        "## Look at the photos and correct labels\n\nSelect photos and press the key of the right " +
          "class; `?` lists all keys. Each correction is saved at once.",
      ),
    ),
    code(`annotation_ui = AnnotationUI(dataset, thumbnail_size=${thumbnailSize})
annotation_ui`),
  ];
  return {
    name,
    runs: first.length,
    cells: [
      ...first,
      markdown(
        trans.__(
          "## Split into training and test photos\n\nPhotos in folders for training and testing stay " +
            "there. Otherwise two thirds are for training, one third for testing. Excluded photos and " +
            "photos without a label are left out.",
        ),
      ),
      code(`train_set, test_set = annotation_ui.journal.included().split()
print(f"{len(train_set)} photos to train on, {len(test_set)} to test with")`),
      markdown(
        trans.__(
          "## Train\n\nThe base model was trained on 1.3 million photos and is fine-tuned on yours. " +
            "The best epoch is kept, also after *Stop*. More epochs are often better: add one learning rate for " +
            "each.",
        ),
      ),
      code(`model = TransferLearningModel(dataset.labels, base_model=${literal(baseModel)})

monitor = TrainingMonitor()
display(monitor)
model.train(
    train_set,
    learning_rate=[0.01] * 4 + [0.001] * 2,
    batch_size=8,
    eval_dataset=test_set,
    callbacks=[monitor.listener],
    progress=False,
)`),
      markdown(
        trans.__(
          "## Evaluate\n\nHow good is the classifier on photos that it has not learnt from? They chose the best " +
            "epoch, which makes the figures a little too good.",
        ),
      ),
      code(`evaluation = ClassificationEvaluation(model, test_set)

low, high = evaluation.compute_confidence_interval("accuracy")
print(f"Accuracy = {evaluation.compute_accuracy():.1%} (95 % interval: {low:.1%} to {high:.1%})")
evaluation.compute_report().round(3)`),
      markdown(
        trans.__(
          "## Look at the mistakes\n\nClick a cell of the confusion matrix. You can correct wrong " +
            "labels right here.",
        ),
      ),
      code("ResultsUI(test_set, pred_scores=evaluation.scores)"),
      markdown(
        trans.__(
          "## Choose a threshold\n\nFrom which score on should a prediction count? Click the curve; " +
            "below it are the photos that this threshold gets wrong.",
        ),
      ),
      code(`points = PrecisionRecallUI(evaluation=evaluation, dataset=test_set)
points`),
      markdown(
        trans.__(
          "## Save\n\nThe classifier is one file: right-click it in the file browser and choose *%1*. " +
            "The report is for your colleagues.",
          trans.__("Score photos with this model"),
        ),
      ),
      code(`model.serialize(output / ${literal(`${name}.model`)})
evaluation.to_html(output / ${literal(`${name}.html`)})`),
      markdown(
        trans.__(
          "## Deploy\n\nAs a service, other programs on this machine can use the classifier, even " +
            "when the notebook is closed.",
        ),
      ),
      code(`Deployment.delete_if_service_exist(${service})  # of an earlier run
deployment = Deployment(${service}, model).deploy()
print(deployment.service_url)
answer = deployment.score_image(test_set.images[0], parameters={"addSoftmax": True})
(scores,) = model.parse_serialized_result(answer)
{label.name: f"{score:.1%}" for label, score in zip(model.labels, scores)}`),
      markdown(
        trans.__(
          "The service goes on when this notebook is closed, and uses memory. To end it, run %1 " +
            "here or %2 in a terminal.",
          "`deployment.delete()`",
          `\`imgcls undeploy ${serviceName(name)}\``,
        ),
      ),
    ],
  };
}

/** The name of a service: letters, digits and dashes, 50 at most. */
function serviceName(name: string): string {
  const dashed = name.normalize("NFKD").replace(/[^a-zA-Z0-9]+/g, "-");
  return dashed.slice(0, 50).replace(/^-|-$/g, "") || "photos";
}
