"""The workflow from photos to a service, run by `test_network` where no other host is reached."""

import re
import subprocess
import sys
from pathlib import Path

import httpx

import jupyter_imgcls as ic
from jupyter_imgcls.data.sample import tableware
from jupyter_imgcls.widgets.image_grid import ImageGrid

PROGRAMS = Path(sys.executable).parent


def open_page(*command: object) -> str:
    """Start a server, open the page whose address it prints, and end it."""
    server = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        addresses = (re.search(r"http://127\S+", line) for line in server.stdout)
        address = next(filter(None, addresses))[0]
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=240) as client:
            return client.get(address, follow_redirects=True).raise_for_status().text
    finally:
        server.terminate()
        server.communicate(timeout=60)


def main(folder: Path) -> None:
    dataset = tableware(n=16, root=folder / "photos")
    train, test = dataset.split(train_size=0.5)
    ImageGrid(dataset)
    ic.AnnotationUI(dataset)
    model = ic.TransferLearningModel(dataset.labels, image_dims=(3, 64, 64))
    classifier = ic.ScikitClassifier(model).train(train)
    evaluation = ic.ClassificationEvaluation(classifier, test)
    ic.ResultsUI(test, pred_scores=evaluation.scores)
    ic.PrecisionRecallUI(evaluation=evaluation)
    # Refines a network, deploys a service, scores with it, loads it, and writes a report.
    imgcls = PROGRAMS / "imgcls"
    output = ["--output", str(folder / "demo")]
    subprocess.run(
        [imgcls, "demo", "--data", folder / "photos", "--epochs", "1", *output], check=True
    )
    subprocess.run([imgcls, "doctor"], check=False)

    page = open_page(imgcls, "dashboard", folder / "photos", "--no-browser", "--port", "8123")
    assert "Dashboard" in page
    lab = ["lab", "--no-browser", "--allow-root", "--port=8124", f"--ServerApp.root_dir={folder}"]
    assert "JupyterLab" in open_page(PROGRAMS / "jupyter", *lab)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
