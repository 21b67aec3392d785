"""One version everywhere, and types for who imports the packages."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

import imagic
from eval.runs.provenance import PACKAGES, package_version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]


def test_package_citation_and_changelog_have_the_version_of_pyproject():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["version"] == VERSION and newest and newest[1] == VERSION
    advice = f"installed is {imagic.__version__}: pip install --no-deps -e ."
    assert imagic.__version__ == VERSION, advice


def test_a_run_records_the_version():
    assert "imagic-bench" in PACKAGES and package_version("imagic-bench") == VERSION


def test_the_version_is_known_without_torch():
    said = "import imagic, sys; print(imagic.__version__, sorted({'torch', 'pandas', 'hydra'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split(" ", 1) == [VERSION, "[]\n"], done.stderr


def test_every_package_says_that_it_is_typed():
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert all((ROOT / pattern.rstrip("*") / "py.typed").exists() for pattern in patterns)
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["*"]
