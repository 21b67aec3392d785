"""What a run's folder says of itself, in the words of figures and pages."""

from __future__ import annotations

from eval.identity import run_hash
from eval.store import Run
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.method import Axis


def axis_of(run: Run) -> Axis:
    """The run's axis, with the strengths that it has images of; its name is its symbol where the run says no other."""
    name, about = run.labels["axis"], run.config().get("axis", {})
    samples = run.samples()
    grid = sorted(samples.loc[samples["status"] == "ok", "strength"].unique())
    symbol, identity, fixed = about.get("symbol", name), about.get("identity"), about.get("fixed", False)
    return Axis(name, symbol, tuple(map(float, grid)), identity, fixed)


def dataset_of(run: Run) -> str:
    """Its dataset's name; says where the pictures are synthetic."""
    name = str(run.config()["fit"]["dataset"])
    return f"{name.capitalize()} (synthetic)" if name == PicturebookPairs.name else name


def title_of(run: Run) -> str:
    """Method, model and dataset."""
    model = [] if run.labels["model"] == "none" else [run.labels["model"]]
    return " · ".join([run.labels["method"], *model, dataset_of(run)])


def key_of(run: Run) -> str:
    """Method and what decides its images: stays when the folder moves, differs between runs."""
    return f"{run.labels['method']}-{run_hash(run.config())}"
