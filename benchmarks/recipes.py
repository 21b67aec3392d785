"""``python -m benchmarks.recipes``: the search for the recipes of the embedded model, on pairs of dataset.split=search.

    python -m benchmarks.recipes                # every candidate of every method, and docs/picturebook_results/search.csv
    python -m benchmarks.recipes p2p masactrl   # of some methods

A method's recipe is the candidate whose best strength has the most judged success; the table says all that was tried. Runs are
kept in ``runs/search`` and continued by the same command; rows of candidates that are not there stay as they are. The 100
pairs of the benchmark are never read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from benchmarks.run_archive import best_strength
from benchmarks.some_pairs import with_ids
from eval.api import open_run
from eval.runs.folder import Run
from runtime.output import safe_output
from tedbench.errors import UserError

RUNS = Path("runs/search")
TABLE = Path("docs/picturebook_results/search.csv")
EVERY = 3
"""Every third of the 60 pairs is edited, …"""
SLOW = {"imagic": 6, "text2live": 6, "forgedit": 6, "hiper": 6, "sine": 6, "unitune": 6}
"""… of methods that fit each pair for most of a minute every sixth."""


def _guidance(method: str, *values: float) -> list[list[str]]:
    return [[f"recipe.{method}.sampling.guidance={value:g}"] for value in values]


KEEP = ["fits.keep=weights", f"fits.folder={RUNS / 'fits'}"]
"""Candidates that differ in sampling alone share their fits."""

FLOW = "model=picturebook_flow"
FLOWEDIT = [(1, 3), (1.5, 5.5), (3.5, 7), (3.5, 13.5)]
"""Guidances of source and target."""
SHARED = ["", "^up:", "^down:"]
"""Attention layers whose values are shared."""


def _on_flow(method: str, *values: float) -> list[list[str]]:
    return [[FLOW, *options] for options in _guidance(method, *values)]


ON_FLOW: dict[str, list[list[str]]] = {
    "sdedit": _on_flow("sdedit", 2, 3, 6),
    "ddib": [[FLOW, *options] for options in ([], ["recipe.ddib.sampling.steps=50", "method.solver=midpoint"])],
    "edit_friendly": _on_flow("edit_friendly", 2, 3, 5),
    "imagic": [
        *[[FLOW, *options, *KEEP] for options in _guidance("imagic", 3, 6, 9)],
        [FLOW, "recipe.imagic.finetune.lr=1e-4"],
        [FLOW, "recipe.imagic.finetune.lr=5e-4"],
        [FLOW, "recipe.imagic.finetune.steps=200"],
        [FLOW, "recipe.imagic.embedding.lr=3e-3"],
        [FLOW, "recipe.imagic.embedding.lr=3e-2"],
        [FLOW, "recipe.imagic.finetune.lr=5e-5"],
        [FLOW, "recipe.imagic.finetune.lr=1e-4", "recipe.imagic.sampling.guidance=3"],
        [FLOW, "recipe.imagic.finetune.lr=1e-4", "recipe.imagic.finetune.empty=0.5"],
    ],
    "flowedit": [
        [FLOW, f"recipe.flowedit.sampling.source_guidance={own:g}", f"recipe.flowedit.sampling.guidance={target:g}"]
        for own, target in FLOWEDIT
    ],
    "flowalign": [
        *_on_flow("flowalign", 3, 7.5, 13.5),
        [FLOW, "recipe.flowalign.sampling.guidance=7.5", "recipe.flowalign.sampling.pull=0"],
    ],
    "rf_inversion": [
        [FLOW, f"recipe.rf_inversion.stop={stop:g}", *options]
        for stop in (0.25, 0.5, 0.75)
        for options in _guidance("rf_inversion", 3, 6)
    ],
    "rf_solver": [
        [FLOW, f"recipe.rf_solver.layers='{layers}'", *options]
        for layers in SHARED
        for options in _guidance("rf_solver", 2, 4)
    ],
    "fireflow": [
        [FLOW, f"recipe.fireflow.layers='{layers}'", *options]
        for layers in SHARED
        for options in _guidance("fireflow", 2, 4)
    ],
    "uniedit_flow": [
        *[[FLOW, f"recipe.uniedit_flow.omega={omega:g}"] for omega in (1, 3, 5)],
        [FLOW, "recipe.uniedit_flow.omega=3", "recipe.uniedit_flow.sampling.guidance=2"],
        [FLOW, "recipe.uniedit_flow.omega=3", "method.source=source_text"],
    ],
}
"""Options that are tried on the flow model; they follow those of the method on the latent model."""

ON_LATENT: dict[str, list[list[str]]] = {
    "sdedit": _guidance("sdedit", 3, 6),
    "ddib": [["recipe.ddib.sampling.steps=50"]],
    "text2live": [
        ["recipe.text2live.losses.sparsity=12"],
        ["recipe.text2live.losses.sparsity=25"],
        ["recipe.text2live.bootstrap.steps=40"],
        ["recipe.text2live.optimisation.steps=150", "recipe.text2live.optimisation.lr=2.5e-3"],
    ],
    "edit_friendly": _guidance("edit_friendly", 2, 3, 5),
    "cycle_diffusion": _guidance("cycle_diffusion", 2, 3),
    "cycle_sde": _guidance("cycle_sde", 2, 3),
    "leditspp": [[f"recipe.leditspp.mask.quantile={value}"] for value in (0.5, 0.75, 0.9)],
    "negative_prompt": [
        ["method.proximal.threshold=none"],
        ["method.proximal.threshold=soft", "method.proximal.quantile=0.7"],
        ["recipe.negative_prompt.sampling.steps=25"],
    ],
    "p2p": [*_guidance("p2p", 2, 3), ["recipe.p2p.control.own=1.0"]],
    "null_text": _guidance("p2p", 2, 3),
    "masactrl": [
        ["recipe.masactrl.most_factor=2", "recipe.masactrl.sampling.guidance=3"],
        *_guidance("masactrl", 2, 3),
    ],
    "pnp": [["recipe.pnp.control.feature=up_blocks.0.resnets.1"], *_guidance("pnp", 2, 3)],
    "pix2pix_zero": _guidance("pix2pix_zero", 3, 5),
    "diffedit": _guidance("diffedit", 3, 5),
    "blended": _guidance("blended", 3, 5),
    **{
        method: [[f"recipe.{method}.finetune.steps=100", *options] for options in _guidance(method, 3, 6)]
        for method in ("forgedit", "sine", "unitune")
    },
    "hiper": [[f"recipe.hiper.embedding.steps={steps}"] for steps in (120, 300)],
    "imagic": [
        ["recipe.imagic.finetune.steps=200"],
        ["recipe.imagic.finetune.steps=100"],
        ["recipe.imagic.finetune.steps=100", "recipe.imagic.embedding.steps=60"],
        ["recipe.imagic.finetune.steps=100", "recipe.imagic.finetune.lr=1.5e-4"],
        *[["every=1", *option, *KEEP] for option in _guidance("imagic", 4, 6, 8)],
        *[["model=picturebook_cascade", *option, *KEEP] for option in _guidance("imagic", 3, 6)],
    ],
}
"""Options that are tried; what is not named is the recipe's own. ``every=N`` takes each N-th of the 60 pairs."""

CANDIDATES = {name: ON_LATENT.get(name, []) + ON_FLOW.get(name, []) for name in {**ON_LATENT, **ON_FLOW}}
"""Candidates by method."""


def edit(method: str, number: int) -> int:
    """Edit some of the pairs with a candidate; return the command's exit status."""
    options = CANDIDATES[method][number]
    words = [f"method={method}", "dataset.split=search", f"run_dir={_folder(method, number)}"]
    words += with_ids([f"every={SLOW.get(method, EVERY)}", *options], "search")
    words += ["executor=processes", "numerics.threads=1"]
    print(f"{method}: {_words(method, number)}", flush=True)
    return subprocess.run([sys.executable, "-m", "eval.run", *words], check=False).returncode


def found(method: str, number: int) -> dict[str, object] | None:
    """Return the candidate's row: its best strength and what the metrics say there; None if it was not run."""
    try:
        Run.open(_folder(method, number))
    except UserError:
        return None
    curves = open_run(_folder(method, number)).curves()
    curves["metric"] = curves["metric"].str.replace(r"(?:judge/)?([^/]+)/.*", r"\1", regex=True)
    means = curves.pivot_table(index="strength", columns="metric", values="mean")
    best = best_strength(_folder(method, number))
    at = curves[(curves["strength"] == best) & (curves["metric"] == "success")].iloc[0]
    row = {"method": method, "options": _words(method, number), "strength": best}
    row |= {name: round(float(means.loc[best, name]), 3) for name in ("success", "changed", "kept", "clip")}
    return row | {"pairs": int(at["n_pairs"]), "of": int(at["n_expected"])}


def _words(method: str, number: int) -> str:
    return " ".join(option for option in CANDIDATES[method][number] if not option.startswith(("every=", "fits.")))


def _folder(method: str, number: int) -> Path:
    return RUNS / f"{method}-{number}"


def main() -> int:
    """Run the candidates and write the table; return 1 if a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*", help=f"of {', '.join(CANDIDATES)} (default: all)")
    parser.add_argument("--only", type=int, nargs="+", metavar="K", help="the K-th candidates alone, from 0")
    args = parser.parse_args()
    if wrong := set(args.methods) - CANDIDATES.keys():
        raise SystemExit(f"There are no candidates of {sorted(wrong)[0]!r}. There are {', '.join(CANDIDATES)}.")
    methods = args.methods or list(CANDIDATES)
    for method in methods:
        if absent := set(args.only or ()) - set(range(len(CANDIDATES[method]))):
            raise SystemExit(f"{method} has no candidate {min(absent)}, but 0 to {len(CANDIDATES[method]) - 1}.")
    for method in methods:
        for number in args.only or range(len(CANDIDATES[method])):
            if status := edit(method, number):
                return status
    kept = [row._asdict() for row in pd.read_csv(TABLE).itertuples(index=False)] if TABLE.exists() else []
    known = {(row["method"], row["options"]): row for row in kept}
    every = [(method, number) for method, options in CANDIDATES.items() for number in range(len(options))]
    rows = [found(*each) or known.get((each[0], _words(*each))) for each in every]
    table = pd.DataFrame([row for row in rows if row])
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(TABLE, index=False)
    print(table.to_string(index=False))
    return 0


if __name__ == "__main__":
    with safe_output():
        sys.exit(main())
