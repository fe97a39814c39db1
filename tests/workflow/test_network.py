"""Nothing but what a user asks for goes to another host: no name is looked up, no address tried."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

WATCH = Path(__file__).with_name("watched_network.py")
WORKFLOW = Path(__file__).with_name("whole_workflow.py")
SEPARATE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--"]


def watched(*command, **environment):
    """What other hosts a command tried to reach."""
    done = subprocess.run(
        [*SEPARATE, sys.executable, str(WATCH), *map(str, command)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    try:
        tried = subprocess.run(
            [*SEPARATE, "ip", "link"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("needs unshare, of Linux")
    if tried.returncode:
        pytest.skip(f"no network of its own can be made here: {tried.stderr.strip()}")


@pytest.mark.parametrize(
    "code",
    [
        "socket.getaddrinfo('example.com', 443)",
        "socket.create_connection(('203.0.113.1', 443), 1)",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 443))",
    ],
)
def test_what_is_tried_is_seen(code):
    program = f"import contextlib, socket\nwith contextlib.suppress(OSError): {code}"
    assert watched(sys.executable, "-c", program)
    assert not watched(sys.executable, "-c", "import socket; socket.gethostbyname('localhost')")


def identities(home, model, before):
    """Files with an identity of this machine that scoring leaves in an empty home folder."""
    home.mkdir()
    code = f"{before}import sys, onnxruntime\nonnxruntime.InferenceSession(sys.argv[1])"
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    subprocess.run([sys.executable, "-c", code, str(model)], env=environment, check=True)
    return list(home.rglob("*deviceid*"))


def test_onnx_runtime_gives_this_machine_no_identity(tmp_path):
    """What its telemetry reports, after minutes, begins with it."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    same = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "relu", [value], [same])
    opset = [onnx.helper.make_opsetid("", 13)]
    model = tmp_path / "relu.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), model)

    if not identities(tmp_path / "plain", model, before=""):
        pytest.skip("this ONNX Runtime has no telemetry")
    assert identities(tmp_path / "ours", model, before="import jupyter_imgcls\n") == []


@pytest.mark.long
def test_the_whole_workflow_reaches_no_other_host(tmp_path):
    home = tmp_path / "home"
    home.mkdir()

    others = watched(
        sys.executable, WORKFLOW, tmp_path, HOME=str(home), XDG_CACHE_HOME=str(home / "cache")
    )

    assert others == {}
    assert not list(home.rglob("*deviceid*")), "an identity of this machine, for telemetry"
