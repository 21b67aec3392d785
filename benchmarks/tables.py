"""``python -m benchmarks.tables``: every run of docs/picturebook_results.md, and its tables and figures, made anew.

    make tables                                   # all, on all cores
    taskset -c 1 make tables                      # on one core, in the background of other work
    python -m benchmarks.tables sdedit ddib       # some of the runs alone, without figures
    python -m benchmarks.tables --list            # the runs, and how far each is
    python -m benchmarks.tables --outputs         # tables and figures alone, of published scores where a run is not there

A run that was interrupted is continued by the same command. Runs are kept in ``runs/tables``; the scores of each that is
finished are published in ``docs/picturebook_results/runs`` (:mod:`benchmarks.run_archive`), tables and figures in
``docs/picturebook_results``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.categories import draw_success, success_table
from benchmarks.run_archive import archive, best_strength, restore
from benchmarks.some_pairs import some, with_ids
from eval.runs.folder import Run
from runtime.output import safe_output
from tedbench.errors import UserError

RUNS = Path("runs/tables")
FIGURES = Path("docs/picturebook_results")
ALL = "dataset=picturebook_all"
EVERY = 12
"""Each so many-th of the 100 pairs is a row of the grids."""
FINE = "sweep.strengths=[0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1,1.1,1.2]"
FULL = "metrics=picturebook_full"
"""Metrics that docs/metric_validity.md compares."""
COARSE = "sweep.strengths=[0,0.2,0.4,0.6,0.8,1,1.2]"
SEEDS = "sweep.seeds=[0,1,2,3]"
ONCE = (
    "leditspp",
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
ON_FLOW = (
    "sdedit",
    "ddib",
    "edit_friendly",
    "flowedit",
    "flowalign",
    "rf_inversion",
    "rf_solver",
    "fireflow",
    "uniedit_flow",
)
FLOW = "model=picturebook_flow"
CASCADE = ["model=picturebook_cascade", COARSE]
KEEP = ["fits.keep=embedding", f"fits.folder={RUNS / 'fits'}"]
"""Runs that differ in stage B alone share the embeddings of stage A."""

COMMANDS: dict[str, list[str]] = {
    "imagic": [FINE, SEEDS, FULL, *KEEP],
    "sdedit": ["method=sdedit", SEEDS, FULL],
    "ddib": ["method=ddib", FULL],
    "text2live": ["method=text2live", FULL],
    "no_finetune": ["method=imagic_no_finetune", FINE, "sweep.seeds=[0,1]", *KEEP],
    "no_embedding": ["every=4", "method=imagic_no_embedding", FINE, "sweep.seeds=[0,1,2,3]"],
    "embedding_10": ["every=16", "recipe.imagic.embedding.steps=10", COARSE],
    "embedding_120": ["every=16", "recipe.imagic.embedding.steps=120", COARSE, *KEEP],
    "embedding_1000": ["every=16", "recipe.imagic.embedding.steps=1000", COARSE],
    **{name: [f"method={name}", SEEDS] for name in ("edit_friendly", "diffedit")},
    **{name: [f"method={name}"] for name in (*ONCE, *FITTED)},
    "flow_imagic": [FLOW, FINE, *KEEP],
    **{f"flow_{name}": [FLOW, f"method={name}"] for name in ON_FLOW},
    "flow_tokens": ["every=4", FLOW, "method.variant.parts=tokens", FINE],
    "flow_pooled": ["every=4", FLOW, "method.variant.parts=pooled", FINE],
    "cascade": ["every=6", *CASCADE],
    "cascade_frozen": ["every=6", "method=imagic_no_sr_finetune", *CASCADE],
}
"""Options of ``eval.run`` for each run; ``every=N`` takes each N-th of the 100 pairs."""

FLOW_METHODS = ("flow_imagic", *[f"flow_{name}" for name in ON_FLOW])
METHODS = ("imagic", "sdedit", "ddib", "text2live", "edit_friendly", "diffedit", *ONCE, *FITTED)


class Output(NamedTuple):
    """A command on runs.

    Attributes:
        module: of the command.
        runs: that it reads, of :data:`COMMANDS`; if ``best``, two that are there are enough.
        published: names under docs/picturebook_results by those of the command's files.
        options: further options.
        best: True to take each run at its best strength (:func:`benchmarks.run_archive.best_strength`).
        images: True if it reads every image, which archives lack.
    """

    module: str
    runs: tuple[str, ...]
    published: dict[str, str]
    options: tuple[str, ...] = ()
    best: bool = False
    images: bool = False


def _same(*names: str) -> dict[str, str]:
    return dict(zip(names, names, strict=True))


OUTPUTS = [
    Output(
        "eval.success",
        ("imagic",),
        _same("success.png", "success.csv") | {"failures-imagic.png": "failures.png"},
        images=True,
    ),
    Output(
        "eval.success",
        ("imagic", "no_finetune"),
        {"success.csv": "stages.csv", "success.png": "stages.png"},
        images=True,
    ),
    Output(
        "eval.compare",
        ("imagic", "sdedit", "ddib", "text2live"),
        _same("plane.png", "plane.csv", "comparison.csv", "differences.csv") | {"grid-01.png": "grid.png"},
        best=True,
    ),
    Output(
        "eval.compare",
        METHODS,
        {"plane.png": "methods_plane.png", "grid-01.png": "methods_grid.png", "comparison.csv": "methods.csv"},
        best=True,
    ),
    Output(
        "eval.success",
        ("flow_imagic",),
        {"success.png": "flow_imagic.png", "success.csv": "flow_imagic.csv"},
        images=True,
    ),
    Output(
        "eval.success",
        ("flow_imagic", "flow_tokens", "flow_pooled"),
        {"success.png": "flow_parts.png", "success.csv": "flow_parts.csv"},
        images=True,
    ),
    Output(
        "eval.compare",
        (*FLOW_METHODS, "imagic", "sdedit", "ddib", "edit_friendly"),
        {
            "plane.png": "flow_plane.png",
            "grid-01.png": "flow_grid.png",
            "comparison.csv": "flow.csv",
            "differences.csv": "flow_differences.csv",
        },
        best=True,
    ),
    Output(
        "eval.compare",
        ("imagic", "cascade", "cascade_frozen"),
        {"grid-01.png": "cascade.png", "comparison.csv": "cascade.csv", "differences.csv": "cascade_differences.csv"},
        best=True,
    ),
    Output(
        "eval.validity",
        ("imagic", "sdedit", "text2live"),
        {
            name: f"../metric_validity/{name}"
            for name in ("rankings.csv", "rankings.png", "choices.csv", "choices.png", "misled-clip-direction.png")
        },
    ),
    Output(
        "eval.figures",
        ("embedding_10", "embedding_120", "embedding_1000"),
        {"figure-embedding_steps.png": "embedding_steps.png"},
        ("figure=embedding_steps",),
        images=True,
    ),
]
"""Commands on the runs."""


def options(name: str) -> list[str]:
    """Return the options of a run in the command line's form."""
    return [ALL, *with_ids(COMMANDS[name]), "executor=processes", "numerics.threads=1", f"run_dir={RUNS / name}"]


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
    parser.add_argument("--outputs", action="store_true", help="make tables and figures alone")
    parser.add_argument("--options", default="", help="further options for every run, such as 'dataset.limit=2'")
    args = parser.parse_args()
    if wrong := set(args.runs) - COMMANDS.keys():
        raise SystemExit(f"There is no run {sorted(wrong)[0]!r}. There are {', '.join(COMMANDS)}.")
    if args.list:
        print("\n".join(f"{name:16} {progress(name)}" for name in COMMANDS))
        return 0
    for name in () if args.outputs else args.runs or COMMANDS:
        start = time.monotonic()
        if status := _call("eval.run", [*options(name), *args.options.split()]):
            return status
        print(f"{name}: {(time.monotonic() - start) / 3600:.2f} h in this call", flush=True)
        archive(RUNS / name, _archive(name), some(EVERY))
    return 0 if args.runs else make_outputs()


def make_outputs() -> int:
    """Make the tables and figures whose runs, or their archives, are there; return the status of a command that failed."""
    for number, output in enumerate(OUTPUTS):
        runs = [name for name in output.runs if (_archive(name) if not output.images else RUNS / name).exists()]
        lacking = [name for name in output.runs if name not in runs]
        if lacking:
            print(f"{output.module}: without {', '.join(lacking)}", flush=True)
        if len(runs) < (2 if output.best else len(output.runs)):
            continue
        folders = {name: _folder(name) for name in runs}
        words = [*output.options, f"out={RUNS / 'outputs' / str(number)}"]
        if output.module == "eval.figures":
            words.append(f"runs=[{', '.join(map(str, folders.values()))}]")
        else:
            words.append(f"runs={{{', '.join(f'{name}: {folder}' for name, folder in folders.items())}}}")
        if output.best:
            best = ", ".join(f"{name}: {best_strength(folder)}" for name, folder in folders.items())
            words += [f"pairs=[{','.join(some(EVERY))}]", "rows=10", f"strengths={{{best}}}"]
        if status := _call(output.module, words):
            return status
        for made, target in output.published.items():
            _publish(RUNS / "outputs" / str(number) / made, FIGURES / target)
    for group, methods in (("methods", METHODS), ("flow", FLOW_METHODS)):
        found = {name.removeprefix("flow_"): _folder(name) for name in methods if _archive(name).exists()}
        if len(found) > 1:
            table = success_table(found)
            table.to_csv(FIGURES / f"{group}_success.csv", index=False, float_format="%.6g", lineterminator="\n")
            draw_success(table, RUNS / "outputs" / f"{group}_success.png")
            _publish(RUNS / "outputs" / f"{group}_success.png", FIGURES / f"{group}_success.png")
    return 0


def _publish(made: Path, target: Path) -> None:
    """Copy a file; a picture with 256 colours, which is a third of its size."""
    if made.suffix == ".png":
        with Image.open(made) as picture:
            picture.convert("RGB").quantize(256).save(target, optimize=True)
    else:
        shutil.copy(made, target)


def _folder(name: str) -> Path:
    """Return the folder of a run, or else of its restored archive, which lies apart since it lacks images."""
    if (RUNS / name).exists():
        return RUNS / name
    restored = RUNS / "restored" / name
    if not restored.exists():
        restore(_archive(name), restored)
    return restored


def _archive(name: str) -> Path:
    return FIGURES / "runs" / f"{name}.tar.xz"


def _call(module: str, words: Sequence[str]) -> int:
    print("python -m", module, *words, flush=True)
    return subprocess.run([sys.executable, "-m", module, *words], check=False).returncode


if __name__ == "__main__":
    with safe_output():
        sys.exit(main())
