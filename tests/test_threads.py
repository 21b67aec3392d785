"""Threads wait passively, in every command and worker; by default there are as many as cores that may be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagic.models.device import cpu_threads
from runtime.threads import OWN, PASSIVE, cpu_quota, usable_cores

ROOT = Path(__file__).parents[1]

FIRST_TORCH = """
import importlib, os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            seen.append(os.environ.get("OMP_WAIT_POLICY"))
            raise ImportError("stopped")
sys.meta_path.insert(0, Watch())
before = set(sys.modules)
for module in sys.argv[1:]:
    seen = []
    try:
        importlib.import_module(module)
    except ImportError:
        pass
    seen.append(os.environ.get("OMP_WAIT_POLICY"))  # modules that load torch only later
    print(module, seen[0])
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("conf", "tedbench", "picturebook", "imagic", "baselines", "eval", "benchmarks"):
            del sys.modules[name]
    os.environ.pop("OMP_WAIT_POLICY", None)
    os.environ.pop("KMP_BLOCKTIME", None)
"""


def clean(**settings):
    """The environment of somebody who says nothing of OpenMP, but for what is given."""
    return {**{k: v for k, v in os.environ.items() if k not in OWN}, "PYTHONPATH": str(ROOT), **settings}


def python(code, *arguments, **settings):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=clean(**settings), capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


def entries():
    """Whatever can be run or is imported first: commands, benchmarks, trainers, Ray's worker, the packages themselves."""
    mains = [p for room in ("eval", "imagic", "benchmarks", "picturebook") for p in (ROOT / room).rglob("*.py")]
    run = [p for p in mains if '__name__ == "__main__"' in p.read_text(encoding="utf-8")]
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in run]
    return [*names, "eval.engine.worker", "eval.engine.setup", "imagic.api", "baselines.sdedit", "tedbench"]


def test_whatever_is_run_first_has_it_set_before_torch_is_loaded():
    found = dict(line.split() for line in python(FIRST_TORCH, *entries())[0].splitlines())
    assert len(found) > 20 and {"eval.run", "imagic.__main__", "picturebook.train.__main__"} <= found.keys()
    assert {name: value for name, value in found.items() if value != "PASSIVE"} == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="torch has GNU's OpenMP on Linux")
def test_torchs_own_openmp_reads_it():
    _, said = python("import eval, torch; torch.ones(8).sum()", OMP_DISPLAY_ENV="VERBOSE")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in said
    assert "GOMP_SPINCOUNT = '0'" in said or "KMP_BLOCKTIME='0'" in said


@pytest.mark.parametrize("own", [{"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}, {"KMP_BLOCKTIME": "200"}])
def test_a_users_own_setting_stays(own):
    said, _ = python("import imagic, os; print(*(f'{k}={os.environ.get(k)}' for k in " + repr(OWN) + "))", **own)
    assert said.split() == [f"{name}={own.get(name)}" for name in OWN]


def test_the_settings_are_of_the_environment_that_workers_and_jobs_inherit():
    said, _ = python(
        "import eval, subprocess, sys; subprocess.run([sys.executable, '-c', "
        + repr("import os; print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])")
        + "])"
    )
    assert said.split() == list(PASSIVE.values())


def group(root, line, **files):
    """A file system whose process is in a control group with these files."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(line)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_max", ".max").replace("cpu_cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("line", "files", "cores"),
    [
        ("0::/\n", {"cpu_max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu_max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a__b__cpu_max": "max 100000\n", "a__cpu_max": "50000 100000\n"}, 0.5),
        ("0::/host/only\n", {"cpu_max": "200000 100000\n"}, 2.0),  # a container that sees its own group as the root
        (
            "4:memory:/x\n3:cpu,cpuacct:/x\n",
            {"cpu,cpuacct__x__cpu_cfs_quota_us": "400000", "cpu,cpuacct__x__cpu_cfs_period_us": "100000"},
            4.0,
        ),
        ("1:cpu:/\n0::/\n", {"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"}, None),
        ("", {}, None),
        ("0::/\n", {"cpu_max": "nonsense"}, None),
    ],
)
def test_a_quota_of_control_groups_is_read(tmp_path, line, files, cores):
    assert cpu_quota(group(tmp_path, line, **files)) == cores


@pytest.mark.parametrize(("quota", "threads"), [(None, 2), (1.5, 2), (1.0, 1), (0.2, 1), (64.0, 2)])
def test_default_threads_are_the_cores_that_may_be_used(monkeypatch, quota, threads):
    monkeypatch.setattr("runtime.threads.cpu_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5}, raising=False)
    assert cpu_threads(None) == usable_cores() == threads
    assert cpu_threads(3) == 3
