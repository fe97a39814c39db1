"""``imgcls doctor``: what it finds where all is well, and where something is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import packaging.markers
import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.doctor.finding import note, ok, problem, to_text
from jupyter_imgcls.doctor.hosts import HostProbes, examine_hosts
from jupyter_imgcls.doctor.libraries import LibraryProbes, examine_extras, examine_libraries
from jupyter_imgcls.doctor.machine import examine_gpu, examine_machine, examine_space, gpu_probe
from jupyter_imgcls.doctor.probe import Probe, ProbeError, python
from jupyter_imgcls.serving.records import Record, write_record

GB = 1 << 30
FRONT_ENDS = {
    "@jupyter-widgets/jupyterlab-manager": "5.0.99",
    "bqplot": "0.6.99",
    "bqscales": "0.3.99",
    "anywidget": None,  # that of this environment
    "jupyter_imgcls": None,
}


def install(site: Path, name: str, version: str) -> None:
    """Put what pip writes about a distribution into a folder of them."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home folder without anything of Jupyter or of this package, and the PATH of this Python."""
    monkeypatch.setattr(Context, "_global", None)
    # Not to be made anew, which takes long.
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_configdir())
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    return tmp_path


# -- the whole -----------------------------------------------------------------------------------


def test_all_is_well_where_the_tests_run_and_an_old_numpy_is_a_problem(home):
    install(home / "site", "numpy", "1.20.0")
    command = [str(Path(sys.executable).with_name("imgcls")), "doctor"]
    broken = {**os.environ, "PYTHONPATH": str(home / "site")}
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, "--json"], **piped) as well,
        subprocess.Popen(command, env=broken, **piped) as ill,
    ):
        found, complaints = well.communicate()
        text, _ = ill.communicate()

    result = json.loads(found)
    assert [one for one in result["findings"] if one["state"] == "problem"] == []
    assert (result["problems"], well.returncode, complaints) == (0, 0, "")
    named = {(one["group"], one["name"]): one for one in result["findings"]}
    assert named["Python", "MXNet"]["text"].startswith("1.9.1")
    assert named["Python", "ONNX Runtime"]["text"].endswith("CPU")
    assert "efficientnet_lite0 (19 MB)" in named["Machine", "weights"]["text"]
    assert named["Jupyter", "kernel"]["text"].startswith("'python3' runs this Python")
    assert all(set(one) == {"group", "name", "state", "text", "to_do"} for one in named.values())

    assert ill.returncode == 1
    assert "problem  numpy             1.20.0, but jupyter_imgcls needs numpy>=1.24" in text
    assert 'install "numpy>=1.24"' in text
    assert "\x1b" not in text, "colours are for terminals"


def test_findings_stand_in_columns_and_commands_in_one_line():
    command = "pip install " + " ".join(["a-long-name"] * 20)
    text = to_text(
        {"One": [ok("a", "well"), problem("b", "word " * 40, command)], "Two": [note("c", "", "x")]}
    )

    plain = re.sub("\x1b[^m]*m", "", text)
    assert plain != text
    lines = plain.splitlines()
    assert lines[:2] == ["One", "  ok       a                 well"]
    assert lines[2].startswith("  problem  b                 word word")
    assert lines[3].startswith(" " * 29 + "word")
    assert " " * 29 + "> " + command in lines
    assert lines[-1] == "1 problem, 1 note."


# -- Python --------------------------------------------------------------------------------------


def libraries(**probes: Probe | None) -> dict:
    """Findings by name, with libraries that behave as given; nothing else is loaded."""
    made = LibraryProbes.__new__(LibraryProbes)
    well = {
        "mxnet": "print('1.9.1', 0)",
        "cv2": "print('4.11.0')",
        "onnxruntime": "print('1.30.0 CPUExecutionProvider')",
        "widgets": "",
    }
    vars(made).update({name: python(well[name]) for name in well.keys() - probes} | probes)
    return {one.name: one for one in examine_libraries(made)}


def test_a_library_that_crashes_or_does_not_load_is_a_problem():
    found = libraries(
        mxnet=python("import os; os.abort()"),
        cv2=python("raise ImportError('libGL.so.1: cannot open shared object file')"),
        widgets=python("raise OSError('frame.js is missing')"),
        onnxruntime=python("raise SystemExit(3)"),
    )

    assert "SIGABRT" in found["MXNet"].text
    assert "--force-reinstall --no-deps" in found["MXNet"].to_do
    assert "mxnet==1.9.1" in found["MXNet"].to_do
    assert "libGL.so.1" in found["OpenCV"].text
    assert "opencv-contrib-python-headless==" in found["OpenCV"].to_do
    assert "frame.js is missing" in found["widgets"].text
    assert "exit code 3" in found["ONNX Runtime"].text
    broken = ("MXNet", "OpenCV", "widgets", "ONNX Runtime")
    assert {found[name].state for name in broken} == {"problem"}


def test_where_mxnet_has_no_wheel_its_absence_is_no_problem(monkeypatch):
    windows = {
        **packaging.markers.default_environment(),
        **{"sys_platform": "win32", "platform_machine": "AMD64"},
    }
    monkeypatch.setattr(packaging.markers, "default_environment", lambda: windows)

    found = libraries(mxnet=None)

    assert found["MXNet"].state == "note"
    assert "use PyTorch" in found["MXNet"].text
    assert {one.state for one in found.values()} == {"ok", "note"}


def test_what_is_optional_is_a_note_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("jupyter_imgcls.doctor.environment.distributions", lambda **_: [])

    found = {one.name: one for one in examine_extras()}

    assert {one.state for one in found.values()} == {"note"}
    assert found["ray"].to_do == f'{sys.executable} -m pip install "jupyter_imgcls[cluster]"'


def test_a_command_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr("jupyter_imgcls.doctor.probe._SECONDS", 0.1)
    with pytest.raises(ProbeError, match="took longer than"):
        python("import time; time.sleep(600)").result()


# -- Jupyter -------------------------------------------------------------------------------------


class OtherJupyter:
    """A Jupyter in an environment of its own, first on the PATH; all in it fits."""

    def __init__(self, root: Path, monkeypatch) -> None:
        self.root, self.data, self.config = root, root / "share/jupyter", root / "etc/jupyter"
        self.site = root / "lib/python3.11/site-packages"
        for name, version in {"jupyterlab": "4.2.5", "voila": "0.5.8"}.items():
            install(self.site, name, version)
        ours = {one.name: one.text for one in examine_hosts(HostProbes())}
        for name, version in FRONT_ENDS.items():
            here = (
                ours["our extension" if name == "jupyter_imgcls" else name] if not version else ""
            )
            self.front_end(name, version or here.split()[-1])
        self.kernel("python3", str(root / "bin/python"))
        self.kernel("photos", sys.executable)
        paths = {"data": [str(self.data)], "config": [str(self.config)], "runtime": []}
        program(root / "bin/jupyter", f"echo '{json.dumps(paths)}'")
        monkeypatch.setenv("PATH", str(root / "bin"), prepend=os.pathsep)

    def front_end(self, name: str, version: str) -> None:
        folder = self.data / "labextensions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"name": name, "version": version}))

    def kernel(self, name: str, executable: str) -> None:
        folder = self.data / "kernels" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.json").write_text(json.dumps({"argv": [executable, "-m", "x"]}))

    def look(self) -> dict:
        return {one.name: one for one in examine_hosts(HostProbes())}


@pytest.fixture
def other(home, monkeypatch) -> OtherJupyter:
    return OtherJupyter(home / "other", monkeypatch)


def test_a_jupyter_of_another_environment_is_looked_at_there(other):
    found = other.look()

    assert "in another environment" in found["Jupyter"].text
    assert found["jupyterlab"].text == "4.2.5"
    assert "notebook" not in found, "it is not there"
    assert found["bqplot"].text.endswith("front end 0.6.99")
    assert (found["kernel"].state, found["kernel"].to_do) == (
        "note",
        "choose the kernel 'photos' in the notebook",
    )
    assert {name for name, one in found.items() if one.state != "ok"} == {"kernel"}


def test_a_front_end_that_is_missing_too_old_or_disabled_is_a_problem(other):
    (other.data / "labextensions/bqplot/package.json").unlink()
    other.front_end("anywidget", "0.1.0")
    other.front_end("jupyter_imgcls", "0.0.1")
    page_config = other.config / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    disabled = {"@jupyter-widgets/jupyterlab-manager:plugin": True, "bqscales": False}
    page_config.write_text(json.dumps({"disabledExtensions": disabled}))
    install(other.site, "notebook", "6.5.7")

    found = other.look()

    python_there = other.root / "bin/python"
    assert "lacks its front end bqplot" in found["bqplot"].text
    assert found["bqplot"].to_do.startswith(f"{python_there} -m pip install --force-reinstall")
    assert "Jupyter has 0.1.0" in found["anywidget"].text
    assert "0.0.1" in found["our extension"].text
    assert "disabled" in found["ipywidgets"].text
    enable = "jupyter labextension enable @jupyter-widgets/jupyterlab-manager"
    assert found["ipywidgets"].to_do == enable
    assert found["notebook"].to_do == f'{python_there} -m pip install "notebook<8,>=7"'
    wrong = {name for name, one in found.items() if one.state == "problem"}
    assert wrong == {"bqplot", "anywidget", "our extension", "ipywidgets", "notebook"}
    assert found["bqscales"].state == "ok"


def test_without_our_extension_the_widgets_work_on(other):
    (other.data / "labextensions/jupyter_imgcls/package.json").unlink()
    found = other.look()["our extension"]
    assert (found.state, "still pictures" in found.text) == ("note", True)


def test_no_kernel_that_leads_here_is_a_problem(other):
    (other.data / "kernels/photos/kernel.json").unlink()
    found = other.look()["kernel"]
    assert found.state == "problem"
    assert found.to_do == f"{sys.executable} -m ipykernel install --user --name imgcls"


def test_a_jupyter_that_is_broken_is_a_problem(other):
    program(other.root / "bin/jupyter", "echo 'no module jupyter_core' >&2; exit 1")
    assert "no module jupyter_core" in other.look()["Jupyter"].text


# -- the machine ---------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_a_problem(home, monkeypatch):
    (home / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "file"))

    found = {one.name: one for one in examine_machine()}

    assert (found["storage"].state, found["network"].state) == ("problem", "ok")
    assert str(home / "file") in found["storage"].text
    assert "XDG_DATA_HOME" in found["storage"].to_do


@pytest.mark.parametrize(
    ("free", "state"), [(50 * GB, "ok"), (2 * GB, "note"), (GB // 10, "problem")]
)
def test_little_room_on_the_disk_is_told(tmp_path, free, state):
    assert examine_space(tmp_path, free).state == state


def test_services_that_do_not_run_any_more_are_told_with_the_command_that_removes_them(home):
    for place in (home / "xdg_data_home" / "jupyter_imgcls", home / "notebook"):
        Context.create(place, place, place)
        folder = place / "deployments" / "cups"
        folder.mkdir(parents=True)
        write_record(folder, Record("cups", "local", "none"))

    found = [one.to_do for one in examine_machine() if one.name == "deployments"]

    own = f"imgcls undeploy cups --storage {home / 'xdg_data_home' / 'jupyter_imgcls'}"
    assert sorted(found) == ["imgcls undeploy cups", own]


@pytest.mark.parametrize(
    ("answer", "seen", "state", "words"),
    [
        ("NVIDIA A10, 550.54, 8.6", 1, "ok", "MXNet sees 1"),
        ("NVIDIA A10, 550.54, 8.6", 0, "note", "mxnet-cu112==1.9.1"),
        ("NVIDIA H100 80GB HBM3, 550.54, 9.0", 0, "note", "newer than MXNet"),
        ("", 0, "note", "nvidia-smi failed"),
    ],
)
def test_a_gpu_that_mxnet_does_not_use_is_told(home, monkeypatch, answer, seen, state, words):
    program(home / "bin/nvidia-smi", f"echo '{answer}'")
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=os.pathsep)

    mxnet = python(f"print('1.9.1', {seen})")
    mxnet.result()
    found = examine_gpu(gpu_probe(), mxnet)

    assert found.state == state
    assert words in found.text + found.to_do


def test_a_machine_without_a_gpu_is_well():
    assert examine_gpu(None, None).state == "ok"
