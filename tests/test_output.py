"""Commands whose output cannot be written as it is: legacy encodings, readers that go away, full disks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.help import help_text
from runtime.output import SPELLED

REPOSITORY = Path(__file__).resolve().parents[1]
PRINTS = """
import sys
from runtime.output import safe_output
with safe_output():
    for line in range(20000):
        print("η = 0.5 ✓", flush=line < 3)
    open("done", "w").write("done")
    sys.exit(int(sys.argv[1]))
"""


def run(code: str, *arguments: str, cwd: Path, shell: str = '"$@"', **environment: str) -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment
    command = ["bash", "-c", f"set -o pipefail; {shell}", "bash", sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_every_sign_has_a_spelling(encoding):
    texts = [help_text(name, "", "") for name in ("run", "imagic", "select")]
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=SPELLED)
    written.write("\n".join(texts) + "\nη −0.5 ✓ ✗ ┏━┓│ 犬 é \udce9 x²")
    written.flush()
    last = written.buffer.getvalue().splitlines()[-1]
    assert b"\xe9" in last  # of a file name that is no text: as it came
    if encoding == "ascii":
        assert last == rb"eta -0.5 yes no +-+| \u72ac \xe9 " + b"\xe9 x^2"
    elif encoding == "cp1252":
        assert last == "eta -0.5 yes no +-+| \\u72ac é é x²".encode("cp1252")


def test_a_reader_that_goes_away_is_passed_over_and_the_work_is_done(tmp_path):
    done = run(PRINTS, "0", cwd=tmp_path, shell='"$@" | head -1')
    assert (done.returncode, done.stdout.decode(), done.stderr) == (141, "η = 0.5 ✓\n", b"")
    assert (tmp_path / "done").read_text() == "done"
    assert run(PRINTS, "3", cwd=tmp_path, shell='"$@" | head -1').returncode == 3
    assert run(PRINTS, "0", cwd=tmp_path, shell='"$@" 2>&1 | head -1', PYTHONUNBUFFERED="1").returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_output_is_one_line_and_the_work_is_done(tmp_path):
    done = run(PRINTS, "0", cwd=tmp_path, shell='"$@" > /dev/full', PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "error: standard output cannot be written (No space left on device). Files are still written; "
        "what would be printed is lost."
    ]
    assert (tmp_path / "done").read_text() == "done"


def test_a_closed_output_does_not_end_a_command(tmp_path):
    done = run(PRINTS, "0", cwd=tmp_path, shell='"$@" >&-')
    assert (done.returncode, done.stderr) == (0, b"")


def test_tables_and_help_are_written_in_a_legacy_encoding(tmp_path):
    code = "import runpy, sys; sys.argv = ['x', *sys.argv[1:]]; runpy.run_module('tedbench.show', run_name='__main__')"
    done = run(code, "dataset.limit=1", cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert b"contact_sheet.png: " in done.stdout and b"64x64" in done.stdout
