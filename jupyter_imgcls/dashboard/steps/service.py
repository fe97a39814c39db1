"""The classifier as a service, which other programs ask."""

from __future__ import annotations

import hashlib
import os
import re
import threading

import ipywidgets

from ...serving.deployment import Deployment
from ...widgets.base.theme import ErrorMessage, text
from ..parts.controls import button, guarded, html, note
from ..parts.task import Task
from ..work import Work

__all__ = ["Service"]


class Service(ipywidgets.VBox):
    """Starts, shows and stops the service of one person's classifier.

    Attributes
    ----------
    url : str
        Where it answers; ``""`` without one.
    note : str
        What there is to say of it in a few words.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.url = ""
        self.note = "Download, or start a service"
        self.problem = ErrorMessage()
        self.task = Task(work)
        self._facts = html()
        self._start = button("Start the service", self.start, self.problem)
        self._renew = button("Update to the new model", self.renew, self.problem)
        self._stop = button("Stop and delete the service", self._stop_it, self.problem)
        buttons = ipywidgets.HBox(
            [self._start, self._renew, self._stop],
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="8px"),
        )
        super().__init__(
            [
                html(
                    "<h3>As a service</h3><p>Other programs on the computer that runs this page "
                    "can ask the model about photos. It runs until you stop it, also when this "
                    "page is closed.</p>"
                ),
                self.problem,
                self._facts,
                buttons,
                self.task,
            ],
            layout=ipywidgets.Layout(grid_gap="12px", width="auto"),
        )
        self.add_class("ds-card")
        self._draw(None)

    @property
    def name(self) -> str:
        """Of the deployment: one for each person and folder of photos."""
        plain = re.sub("[^a-z0-9]+", "-", self.work.dataset.name.lower()).strip("-")[:24]
        # The folder that is kept for these photos is the person's own.
        whose = os.fsencode(self.work.kept.of_photos(self.work.folder or self.work.root))
        return f"dashboard-{plain or 'photos'}-{hashlib.sha256(whose).hexdigest()[:12]}"

    def _own(self) -> Deployment | None:
        """The person's deployment; never `Deployment.find`, which finds those of others, too."""
        deployment = Deployment(self.name)
        return deployment if deployment.is_existing_service() else None

    def show(self) -> None:
        """Look whether there is one, in a thread: that asks the system for its processes."""
        for item in (self._start, self._renew, self._stop):
            item.disabled = bool(self.work.busy)
        if not self.work.busy:
            look = guarded(self._look, self.problem)
            threading.Thread(target=look, name="imgcls-service", daemon=True).start()

    def start(self) -> None:
        """Start it, in a thread."""

        def deploy(task: Task) -> None:
            task.say("Starting the service: this takes some seconds")
            model = self.work.trained
            self._draw(Deployment(self.name, model.file).deploy())
            self.work.kept.write(served=model.fingerprint)
            task.say("")

        self.task.run("Starting the service", deploy)

    def renew(self) -> None:
        """Let it answer with the classifier that was trained last, in a thread."""

        def update(task: Task) -> None:
            model = self.work.trained
            self._draw(Deployment(self.name).update(model.file))
            self.work.kept.write(served=model.fingerprint)
            task.say("")

        self.task.run("Updating the service", update)

    def delete(self) -> None:
        """Stop it and delete what is kept of it, if there is one."""
        if self.work.dataset is not None:
            Deployment.delete_if_service_exist(self.name)
        self._draw(None)

    def _stop_it(self) -> None:
        def stop(task: Task) -> None:
            self.delete()
            task.say("")

        self.task.run("Stopping the service", stop)

    def _look(self) -> None:
        self._draw(self._own())

    def _draw(self, deployment: Deployment | None) -> None:
        there = deployment is not None
        served = self.work.kept.read().get("served") if there else None
        renewed = there and self.work.trained and self.work.trained.fingerprint != served
        self._start.layout.display = "none" if there else ""
        self._stop.layout.display = "" if there else "none"
        self._renew.layout.display = "" if renewed else "none"
        if deployment is None:
            self.url, self.note = "", "Download, or start a service"
            self._facts.value = ""
            return
        facts = deployment.describe()
        self.url, self.note = facts["url"], "The service is running"
        page = self.url.partition("/api/")[0]
        if facts["status"] != "running":
            self.url, self.note = "", "The service has stopped"
            words = "The service has stopped by itself. Delete it, then start it again."
            self._facts.value = note(words, "warn")
            return
        self._facts.value = (
            '<table class="imgcls-table">'
            f"<tr><th>Address</th><td><code>{text(self.url)}</code></td></tr>"
            f"<tr><th>Key</th><td><code>{text(deployment.service_key or 'none')}</code></td></tr>"
            f'<tr><th>To try it</th><td><a href="{text(page)}/" target="_blank" '
            'rel="noreferrer">its page, in the browser of that computer</a></td></tr></table>'
        )
