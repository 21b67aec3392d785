"""What the benchmark beside a busy process is made of."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import neighbour
from runtime.threads import OWN


def test_a_neighbour_is_at_work_as_long_as_it_is_wanted_and_is_not_told_how_to_wait(monkeypatch, tmp_path):
    monkeypatch.setattr(neighbour, "START", 0.5)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    told = tmp_path / "told"
    code = f"import os, pathlib\npathlib.Path({str(told)!r}).write_text(' '.join(os.environ))\nwhile True: pass"
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **given: started.append(real(*args, **given)) or started[0])
    with neighbour.neighbour(code):
        assert started[0].poll() is None
    assert started[0].poll() is not None
    assert not set(OWN) & set(told.read_text().split())


def test_a_neighbour_that_ends_by_itself_is_told(monkeypatch):
    monkeypatch.setattr(neighbour, "START", 0.5)
    with pytest.raises(RuntimeError, match="status 3"), neighbour.neighbour("raise SystemExit(3)"):
        pass


@pytest.mark.slow
def test_it_prints_ratios(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks.neighbour", "--steps", "2", "2"])
    monkeypatch.setattr(neighbour, "NEIGHBOURS", {"a process that spins": "while True: pass"})
    neighbour.main()
    said = capsys.readouterr().out
    assert said.count("× (at most 2.5×)") == 1 and "threads wait: passive" in said
