"""Groups of the configuration tree whose choices are classes: what each must derive from, and what it is given."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of classes that a configuration may name.

    Attributes:
        base: module and name of the class that they derive from.
        given: parameters of their constructors that are no settings.
        needed: those of ``given`` that they must take.
        labels: settings that their constructors do not get.
    """

    base: str
    given: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def type(self) -> type:
        """The class that they derive from; loads its module."""
        module, _, name = self.base.rpartition(".")
        found: type = getattr(import_module(module), name)
        return found


KINDS = {
    "method": Kind(
        "tedbench.method.Editor",
        ("model", "device", "seed", "sample_batch", "fit_batch", "fits"),
        labels=("name",),
    ),
    "model": Kind("imagic.models.pretrained.Pretrained", ("device", "dtype"), ("device", "dtype"), ("family",)),
    "dataset": Kind("tedbench.datasets.base.Dataset", labels=("name",)),
    "metrics": Kind("eval.metrics.base.Metric", ("device",), ("device",)),
    "executor": Kind("eval.engine.executor.Executor"),
}
"""By their group. They are named by texts, so that a list of models loads nothing."""
