"""``python -m benchmarks.tables``: every run of docs/picturebook_results.md, and its tables and figures, made anew.

    make tables                                   # all, on one core, in the background of other work
    python -m benchmarks.tables sdedit ddib       # some of the runs alone, without figures
    python -m benchmarks.tables --list            # the runs, and how far each is

A run that was interrupted is continued by the same command. Runs are kept in ``runs/tables``; figures are written to
docs/picturebook_results.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from eval.runs.folder import Run
from runtime.output import safe_output
from tedbench.errors import UserError

RUNS = Path("runs/tables")
FIGURES = Path("docs/picturebook_results")
ALL = "dataset=picturebook_all"
SIXTH = "dataset.ids=[{}]"
"""Every sixth pair, as a choice of ids."""
FINE = "sweep.strengths=[0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1,1.1,1.2]"
COARSE = "sweep.strengths=[0,0.2,0.4,0.6,0.8,1,1.2]"
SEEDS = "sweep.seeds=[0,1,2,3]"
ONCE = (
    "cycle_diffusion",
    "cycle_sde",
    "negative_prompt",
    "p2p",
    "null_text",
    "masactrl",
    "pnp",
    "pix2pix_zero",
    "blended",
)
FITTED = ("forgedit", "hiper", "sine", "unitune")
CASCADE = ["model=picturebook_cascade", COARSE]

COMMANDS: dict[str, list[str]] = {
    "imagic": [ALL, FINE, SEEDS],
    "sdedit": [ALL, "method=sdedit", SEEDS],
    "ddib": [ALL, "method=ddib"],
    "text2live": [ALL, "method=text2live"],
    "no_finetune": [ALL, "method=imagic_no_finetune", FINE, "sweep.seeds=[0,1]"],
    "no_embedding": ["every=4", "method=imagic_no_embedding", FINE, "sweep.seeds=[0,1,2,3]"],
    "embedding_10": ["every=16", "recipe.imagic.embedding.steps=10", COARSE],
    "embedding_120": ["every=16", "recipe.imagic.embedding.steps=120", COARSE],
    "embedding_1000": ["every=16", "recipe.imagic.embedding.steps=1000", COARSE],
    **{name: [ALL, f"method={name}", SEEDS] for name in ("edit_friendly", "leditspp", "diffedit")},
    **{name: [ALL, f"method={name}"] for name in (*ONCE, *FITTED)},
    "cascade": ["every=6", *CASCADE],
    "cascade_frozen": ["every=6", "method=imagic_no_sr_finetune", *CASCADE],
}
"""Options of ``eval.run`` for each run; ``every=N`` takes each N-th of the 100 pairs."""

OUTPUTS: list[tuple[str, list[str], dict[str, str]]] = [
    (
        "eval.success",
        ["runs={imagic: imagic}", "out=success"],
        {"success.png": "success.png", "success.csv": "success.csv"},
    ),
    (
        "eval.success",
        ["runs={imagic: imagic, no_finetune: no_finetune}", "out=stages"],
        {"success.csv": "stages.csv", "success.png": "stages.png"},
    ),
    (
        "eval.compare",
        ["runs=[imagic, sdedit, ddib, text2live]", "out=comparison"],
        {
            "plane.png": "plane.png",
            "plane.csv": "plane.csv",
            "grid.png": "grid.png",
            "comparison.csv": "comparison.csv",
        },
    ),
    (
        "eval.compare",
        [
            f"runs=[{', '.join(('imagic', 'sdedit', 'ddib', 'edit_friendly', 'leditspp', 'diffedit', *ONCE, *FITTED))}]",
            "out=methods",
        ],
        {"plane.png": "methods_plane.png", "grid.png": "methods_grid.png", "comparison.csv": "methods.csv"},
    ),
    (
        "eval.figures",
        ["figure=embedding_steps", "runs=[embedding_10, embedding_120, embedding_1000]", "out=figures"],
        {"embedding_steps.png": "embedding_steps.png"},
    ),
    ("eval.figures", ["figure=10", "runs=[imagic]", "out=figures"], {"figure10.png": "failures.png"}),
]
"""Commands on the runs, and what of their output goes into docs/picturebook_results under which name."""


def options(name: str) -> list[str]:
    """Return the options of a run in the command line's form."""
    from tedbench.datasets.picturebook import PicturebookPairs

    found = []
    for option in COMMANDS[name]:
        if option.startswith("every="):
            entries = PicturebookPairs(64, split="all").entries[:: int(option.removeprefix("every="))]
            found += [ALL, SIXTH.format(",".join(entry.id for entry in entries))]
        else:
            found.append(option)
    return [*found, "numerics.threads=1", f"run_dir={RUNS / name}"]


def progress(name: str) -> str:
    """Return how far a run is."""
    try:
        run = Run.open(RUNS / name)
    except UserError:
        return "not begun"
    return f"{len(run.shards())} pairs finished"


def main() -> int:
    """Make the runs that are named, or all runs and the outputs; return 1 if a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help=f"of {', '.join(COMMANDS)} (default: all, and figures)")
    parser.add_argument("--list", action="store_true", help="say how far each run is")
    parser.add_argument("--options", default="", help="further options for every run, such as 'dataset.limit=2'")
    args = parser.parse_args()
    if wrong := set(args.runs) - COMMANDS.keys():
        raise SystemExit(f"There is no run {sorted(wrong)[0]!r}. There are {', '.join(COMMANDS)}.")
    if args.list:
        print("\n".join(f"{name:16} {progress(name)}" for name in COMMANDS))
        return 0
    for name in args.runs or COMMANDS:
        start = time.monotonic()
        if status := _call("eval.run", [*options(name), *args.options.split()]):
            return status
        print(f"{name}: {(time.monotonic() - start) / 3600:.2f} h in this call", flush=True)
    return 0 if args.runs else _outputs()


def _outputs() -> int:
    for module, given, published in OUTPUTS:
        words = [each if each.startswith("figure=") else _in_runs(each) for each in given]
        if status := _call(module, words):
            return status
        out = next(Path(each.removeprefix("out=")) for each in words if each.startswith("out="))
        for name, target in published.items():
            shutil.copy(out / name, FIGURES / target)
    return 0


def _in_runs(option: str) -> str:
    """Return an option whose folders lie in :data:`RUNS`: ``runs=[a, b]`` and ``out=c``."""
    key, _, value = option.partition("=")
    if key == "out":
        return f"out={RUNS / value}"
    if value.startswith("{"):
        pairs = (each.split(": ") for each in value.strip("{}").split(", "))
        return f"{key}={{{', '.join(f'{name}: {RUNS / folder}' for name, folder in pairs)}}}"
    return f"{key}=[{', '.join(str(RUNS / folder) for folder in value.strip('[]').split(', '))}]"


def _call(module: str, words: Sequence[str]) -> int:
    print("python -m", module, *words, flush=True)
    return subprocess.run([sys.executable, "-m", module, *words], check=False).returncode


if __name__ == "__main__":
    with safe_output():
        sys.exit(main())
