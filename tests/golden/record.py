"""``python -m tests.golden.record``: digests of what a few small runs make, to see that a change of structure changes no number.

    python -m tests.golden.record                # compare with digests.json; names what differs
    python -m tests.golden.record --write        # record what the code makes now

Images and scores are bitwise equal on one machine and software only, so the record says on which it was made, and
elsewhere it is not compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from PIL import Image

RECORD = Path(__file__).with_name("digests.json")

FEW = [
    "dataset.limit=2",
    "sweep.seeds=[0,1]",
    "numerics.threads=1",
    "numerics.device=cpu",
    "numerics.sample_batch=4",  # what each pair has
]
IMAGIC = ["recipe.imagic.embedding.steps=4", "recipe.imagic.finetune.steps=4", "recipe.imagic.sampling.steps=4"]
RUNS: dict[str, list[str]] = {
    "imagic": ["method=imagic", *FEW, *IMAGIC, "sweep.strengths=[0,0.8]"],
    "sdedit": ["method=sdedit", *FEW, "recipe.sdedit.sampling.steps=5", "sweep.strengths=[0.4,0.8]"],
    "ddib": ["method=ddib", *FEW, "recipe.ddib.sampling.steps=5", "sweep.strengths=[1,3]"],
    "text2live": ["method=text2live", *FEW, "recipe.text2live.optimisation.steps=3", "sweep.strengths=[0,1]"],
    "flow": ["model=picturebook_flow", "method=imagic", *FEW, "dataset.limit=1", *IMAGIC, "sweep.strengths=[0,0.8]"],
    "flowedit": [
        *("model=picturebook_flow", "method=flowedit", *FEW, "dataset.limit=1"),
        *("recipe.flowedit.sampling.steps=5", "sweep.strengths=[0.4,0.8]"),
    ],
    "cascade": [
        "model=picturebook_cascade",
        "method=imagic",
        *FEW,
        "dataset.limit=1",
        *IMAGIC,
        "recipe.imagic.upscaler.steps=2",
        "sweep.strengths=[0,0.8]",
    ],
}
"""The options of each run."""

SAMPLES = ["pair_id", "image_name", "category", "target_text", "strength", "seed", "status", "reason"]
CURVES = ["axis", "strength", "metric", "mean", "ci_low", "ci_high", "n_pairs", "n_images", "n_expected"]


def machine() -> dict[str, str | None]:
    """What bits depend on: processor and versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    flags = next(line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    wide = " ".join(sorted(flag for flag in flags.split() if flag.startswith(("avx", "amx", "fma"))))
    return {
        "processor": name,
        "instructions": wide,
        **{name: version(name) for name in ("torch", "diffusers", "numpy")},
    }


def digests(run: Path) -> dict[str, str]:
    """The digest of every picture's pixels, and of the tables' contents, by name; nothing depends on the run's own name."""
    found = {str(path.relative_to(run)): _pixels(path) for path in sorted((run / "pairs").rglob("*.png"))}
    samples = pd.read_parquet(run / "samples.parquet")[SAMPLES]
    scores = pd.read_parquet(run / "scores.parquet").sort_values(["metric", "pair_id", "strength", "seed"])
    curves = pd.read_csv(run / "curves.csv")[CURVES]
    for name, table in (("samples", samples), ("scores", scores), ("curves", curves)):
        found[name] = hashlib.sha256(table.to_csv(index=False, float_format="%.17g").encode()).hexdigest()
    return found


def _pixels(path: Path) -> str:
    with Image.open(path) as image:
        return hashlib.sha256(f"{image.size}{image.mode}".encode() + image.tobytes()).hexdigest()


def make(name: str, folder: Path) -> dict[str, str]:
    """Makes one of :data:`RUNS` in a process of its own; returns its digests."""
    command = [sys.executable, "-m", "eval.run", *RUNS[name], f"run_dir={folder / name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return digests(folder / name)


def differences(found: dict[str, dict[str, str]], known: dict[str, Any]) -> list[str]:
    """What of the runs is not as recorded, a line each."""
    lines = []
    for run, files in found.items():
        had = known["runs"][run]
        lines += [f"{run}: {name} is new" for name in files if name not in had]
        lines += [f"{run}: {name} is missing" for name in had if name not in files]
        lines += [f"{run}: {name} differs" for name in files if name in had and files[name] != had[name]]
    return lines


def main() -> int:
    """Returns 1 if anything differs from the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="record in place of comparing")
    parser.add_argument("runs", nargs="*", default=list(RUNS), help=f"of {', '.join(RUNS)} (default: all)")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = {}
        for name in args.runs:
            found[name] = make(name, Path(folder))
            print(f"{name}: {len(found[name])} digests", flush=True)
    if args.write:
        RECORD.write_text(json.dumps({"machine": machine(), "runs": found}, indent=1) + "\n", encoding="utf-8")
        return 0
    known = json.loads(RECORD.read_text(encoding="utf-8"))
    if known["machine"] != machine():
        print(f"recorded on another machine or software: {known['machine']}; this is {machine()}")
    lines = differences(found, known)
    print("\n".join(lines) or "all as recorded")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
