"""The configuration of a run in its five blocks, and the identity and name that follow from two of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.runs.cards import FORMAT, Cards
from tedbench.errors import UserError

BLOCKS_HASHED = ("fit", "numerics")


FILES = ("folder", "file")
"""Settings of a method with the path of images made elsewhere. The path as written is part of a run's identity; the
content is compared image by image (:meth:`tedbench.method.Description.origins`)."""


TERMS = "terms"
"""Block of a method's settings that change no image, such as the key, the retries and the limits of a service."""


def run_config(
    plain: Mapping[str, Any],
    *,
    model_digest: str | None,
    method_digest: str | None,
    device: str,
    threads: int,
    cards: Cards,
    levels: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return the content of a run's config.yaml: format, five blocks and cards.

    ``fit`` (model and weights, recipe, method, pair geometry, seed) and ``numerics`` determine the images; ``sweep``,
    ``measure`` and ``how`` may change from command to command. Model and method weights are identified by digests, not
    by paths.

    Args:
        plain: the resolved configuration of ``eval.run``.
        model_digest: digest of the model's files; None if the method uses no model.
        method_digest: digest of the method's own weights; None if it has none.
        device: device of the pairs.
        threads: CPU threads.
        cards: of dataset, method and metrics.
        levels: noise levels of the sampling, if the model's configuration does not determine them.
    """
    model = {k: v for k, v in plain["model"].items() if k != "_target_" and not k.endswith(("path", "revision"))}
    method = {key: value for key, value in plain["method"].items() if key != TERMS}
    method |= {k: str(Path(str(method[k]))) for k in FILES if method.get(k) is not None}  # out/ and out are equal
    shown_levels = {"levels": list(levels)} if levels else {}
    return {
        "format": FORMAT,
        "fit": {
            "dataset": plain["dataset"]["name"],
            **({"list": list_name(plain["dataset"]["file"])} if plain["dataset"].get("file") else {}),
            "size": plain["dataset"]["size"],
            "model": {**model, **shown_levels, "digest": model_digest} if model_digest else None,
            "method": {**method, "digest": method_digest} if method_digest else method,
            "seed": plain["seed"],
        },
        "numerics": {
            **plain["numerics"],
            **({"kept_fits": "bfloat16"} if plain["fits"]["keep"] == "weights" else {}),  # kept weights are rounded
            "device": device,
            "threads": threads,
        },
        "sweep": plain["sweep"],
        "measure": plain["metrics"],
        "how": {
            "executor": plain["executor"],
            "model": plain["model"],
            **{f"method_{k}": v for k, v in plain["method"].items() if k in (*FILES, TERMS)},
            "dataset": plain["dataset"],
            "run": plain["run"],
        },
        "cards": cards.to_config(),
    }


def list_name(file: str | Path) -> str:
    """Return the name of a list of pairs in a run's identity: folder and file, "birds/pairs.csv".

    The list's content is not part of the name, so that the list can be corrected and extended; nor is the rest of the
    file's path, so that the project can be moved.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100  (resolves no links)
    return f"{path.parent.name}/{path.name}"


UNNAMEABLE = re.compile(r"^\.|[/\\\x00-\x1f\x7f]|^\s*$|^.{81}", re.DOTALL)
"""Matches names that cannot be part of a folder's name."""


def check_names(plain: Mapping[str, Any]) -> None:
    """Refuse names of method, model and dataset that cannot be part of a run folder's name.

    Raises:
        UserError: a name is not a text, empty or too long, begins with a dot, or has a slash or control character.
    """
    for block in ("method", "model", "dataset"):
        name = plain[block]["name"]
        if not isinstance(name, str) or UNNAMEABLE.search(name):
            shown = repr(name)[:80]
            raise UserError(
                f"{block}.name is {shown}. It becomes part of a folder's name: give a word of at most 80 letters "
                "without / that does not begin with a dot."
            )


STAGE_B = ("finetune", "upscaler", "lora_rank", "optimizer")


def fit_identity(config: dict[str, Any], keep: str) -> dict[str, Any]:
    """Return the settings that a cached fit depends on.

    These are all except sampling, and except stage B if only e_opt is cached.

    Args:
        config: content of config.yaml.
        keep: "embedding" or "weights".
    """
    leave = ("name", "sampling", "sampler", *(STAGE_B if keep == "embedding" else ()))

    def but(block: dict[str, Any]) -> dict[str, Any]:
        return {k: but(v) if isinstance(v, dict) else v for k, v in block.items() if k not in leave}

    fit, numerics = config["fit"], {k: v for k, v in config["numerics"].items() if k != "sample_batch"}
    return {"model": fit["model"], "method": but(fit["method"]), "seed": fit["seed"], "numerics": numerics}


def run_name(config: dict[str, Any]) -> str:
    """Return the default name of a run's folder, ``<dataset>-<model>-<method>-<hash>``."""
    method = config["cards"]["method"]
    return f"{config['fit']['dataset']}-{method['model']}-{method['name']}-{run_hash(config)}"


def run_hash(config: dict[str, Any]) -> str:
    """Return eight hex digits of the hash of the settings that determine a run's images."""
    text = json.dumps({block: config[block] for block in BLOCKS_HASHED}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
