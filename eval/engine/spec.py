"""The specification of a run, resolved once from the configuration without loading the method's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from eval.engine.batches import Batches
from eval.engine.described import Described, describe, recall
from eval.engine.executor import Executor
from eval.engine.groups import groups
from eval.engine.placement import Placement
from eval.engine.plan import Wanted
from eval.metrics.base import Metric
from eval.runs.cards import Cards, DatasetCard, MethodCard, MetricCards
from eval.runs.config import check_names, run_config, run_hash, run_name
from eval.runs.folder import Run
from eval.runs.listing import Listing, listing_of
from tedbench.build import build
from tedbench.datasets.base import Dataset
from tedbench.datasets.build import build_dataset
from tedbench.method import Description, Editor


@dataclass(frozen=True)
class RunSpec:
    """A run that a command asks for.

    Attributes:
        settings: the resolved configuration.
        dataset: all pairs that the command names, those of other parts included.
        method: the method's description.
        metrics: cards of the metrics.
        requests: the (strength, seed) of each pair.
        executor: runs the tasks.
        placement: where pairs are computed.
        weights: the model's folders, by the settings that name them.
        config: content of the folder's config.yaml.
        folder: the run's folder.
        listing: the list of the pairs.
        recalled: True if the description of method and metrics was read from ``folder``, which the same command made.
        loaded: the metrics, if they were loaded in order to describe them.
    """

    settings: Mapping[str, Any]
    dataset: Dataset
    method: Description
    metrics: MetricCards
    requests: tuple[tuple[float, int], ...]
    executor: Executor
    placement: Placement
    weights: Mapping[str, Path]
    config: Mapping[str, Any]
    folder: Path
    listing: Listing
    recalled: bool
    loaded: Sequence[Metric] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RunSpec:
        """Resolve a configuration, checking everything that can be checked without loading the method's weights.

        Args:
            settings: a resolved configuration of ``eval.run``.

        Raises:
            UserError: a setting is wrong, a file is missing, or a pair lacks what the method needs.
        """
        check_names(settings)
        require_choices(settings)
        executor: Executor = build(settings["executor"], Executor, "executor")
        dataset = build_dataset(settings["dataset"])
        listing = listing_of(dataset)
        known = recall(settings) or describe(settings, executor)
        weights, config = _identity(settings, dataset, known)
        if known.folder and run_hash(config) != run_hash(Run.open(known.folder).config()):  # the model's files changed
            known = describe(settings, executor)
            weights, config = _identity(settings, dataset, known)
        method = known.method
        requests = method.requests(settings["sweep"]["strengths"], settings["sweep"]["seeds"])
        method.check(dataset.entries)
        given = Path(str(settings["run_dir"])) if settings["run_dir"] else None
        return cls(
            settings,
            dataset,
            method,
            known.metrics,
            tuple(requests),
            executor,
            known.placement,
            weights,
            config,
            given or known.folder or Path("runs") / run_name(config),
            listing,
            known.folder is not None,
            known.loaded,
        )

    @cached_property
    def part(self) -> Dataset:
        """The pairs of this command's part; pairs that are fitted together belong to one part."""
        chosen = self.executor.part.of(groups(self.dataset.entries, self.method.group))
        return self.dataset.subset({entry.id for entry in chain.from_iterable(chosen)})

    @cached_property
    def batches(self) -> Batches:
        """The sizes of batches."""
        most = self.settings["numerics"]["sample_batch"]
        return Batches.of(self.method, len(self.requests), len(self.dataset.listed), most)

    @cached_property
    def measures(self) -> Sequence[Metric]:
        """The metrics, loaded in this process."""
        if self.loaded is not None:
            return self.loaded
        from eval.metrics.build import build_metrics

        return build_metrics(self.settings["metrics"], self.executor.own_device(self.placement))

    @cached_property
    def editor(self) -> Editor:
        """The method, built in this process on first use."""
        from eval.engine.build import build_with_fits

        found = {key: str(folder) for key, folder in self.weights.items()}  # located once, not looked up again
        located = self.batches.within({**self.settings, "model": {**self.settings["model"], **found}})
        return build_with_fits(located, self.config, self.placement.device)

    @property
    def metric_names(self) -> list[str]:
        """The metrics' names."""
        return [card.name for card in self.metrics]

    @property
    def retry_failed(self) -> bool:
        """True if pairs that failed are tried again."""
        return bool(self.settings["run"]["retry_failed"])

    def wanted(self) -> Wanted:
        """Return the images that the pairs of this part should have."""
        return Wanted(self.part, self.method, self.requests, self.retry_failed)


def require_choices(settings: Mapping[str, Any]) -> None:
    """Refuse settings of the run itself, of its processor and of its fits that are none of their choices.

    Raises:
        UserError: says the setting's name and what it may be.
    """
    from imagic.models.device import check_numerics
    from imagic.recipe import Keep
    from tedbench.settings import checked

    check_numerics(settings["numerics"])
    checked("run.retry_failed", settings["run"]["retry_failed"], bool)
    checked("fits.keep", settings["fits"]["keep"], Keep)


def _identity(
    settings: Mapping[str, Any], dataset: Dataset, known: Described
) -> tuple[dict[str, Path], dict[str, Any]]:
    """Return the model's folders and the content of config.yaml."""
    from imagic.api import sampling_levels
    from imagic.models.synthetic import is_synthetic
    from imagic.models.weights import digest, locate_all

    weights = locate_all(settings["model"]) if known.method.takes_model else {}
    config = run_config(
        settings,
        model_digest=digest(*weights.values()) if weights else None,
        levels=sampling_levels(settings, weights["path"]) if "path" in weights else None,
        method_digest=known.method.digest,
        device=known.placement.device,
        threads=known.placement.threads,
        cards=Cards(
            DatasetCard.of(dataset, settings["dataset"]["name"]),
            MethodCard.of(
                known.method,
                settings["method"]["name"],
                settings["model"]["name"] if weights else "none",
                synthetic=bool(weights) and is_synthetic(settings["model"]),
            ),
            known.metrics,
        ),
    )
    config["how"]["described"] = known.to_json()
    return weights, config
