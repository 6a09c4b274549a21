"""What an installation of the studio contains."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from studio.asset_files import asset

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETTINGS = PROJECT["tool"]["setuptools"]


def files_below(*folders: str) -> set[str]:
    """Files that are no caches, relative to the repository."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_assets_are_found_in_this_installation():
    assert asset("tokens.css").is_file()
    assert asset("samples", "order_flow", "payments.py").is_file()
    with pytest.raises(FileNotFoundError, match="assets/no_such_file"):
        asset("no_such_file")


def test_every_package_is_listed():
    found = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for top in ("engine", "studio")
        for path in (ROOT / top).rglob("__init__.py")
        if "node_modules" not in path.parts
    }
    assert found | {"studio.assets"} == set(SETTINGS["packages"])


def test_what_the_program_reads_is_packaged():
    elsewhere = SETTINGS["package-dir"]
    packaged = {
        str(path.relative_to(ROOT))
        for package, patterns in SETTINGS["package-data"].items()
        for pattern in patterns
        for path in (ROOT / elsewhere.get(package, package.replace(".", "/"))).glob(pattern)
    }
    read = files_below(
        "assets/samples", "studio/frontend/dist", "studio/views/browser", "engine/http_api/page"
    )
    assert packaged >= read | {"assets/tokens.css"}


@pytest.mark.slow
def test_wheel_runs_its_samples(tmp_path):
    version = importlib.metadata.version("setuptools")
    if int(version.split(".")[0]) < 77:
        pytest.skip(f"needs setuptools 77 to build a wheel offline; here is {version}")
    tree, wheels, installed = tmp_path / "tree", tmp_path / "wheels", tmp_path / "installed"
    wheels.mkdir()
    ignore = shutil.ignore_patterns("node_modules", "__pycache__")
    for name in ("engine", "studio", "assets"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    run(["-c", build, str(wheels)], tree)
    shutil.unpack_archive(next(wheels.iterdir()), installed, "zip")
    code = (
        "import engine, studio, sys\n"
        "from studio import samples\n"
        "assert studio.__file__.startswith(sys.argv[1]), studio.__file__\n"
        "with engine.Engine() as shop:\n"
        "    print(samples.start(shop, 'refund_flow'))\n"
        "    print(shop.client.workflow_def('refund_flow')._repr_mimebundle_()['text/plain'])\n"
    )
    said = run(["-c", code, str(installed)], installed)
    assert said.splitlines()[1] == "refund_flow version 1, 4 tasks"


def run(arguments: list[str], folder: Path) -> str:
    """What a Python process says that runs in a folder."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
