"""What a run is: the configuration in its five blocks, and the name that the hashed two give it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.runs.cards import FORMAT, Cards
from tedbench.errors import UserError

BLOCKS_HASHED = ("fit", "numerics")


FILES = ("folder", "file")
"""Settings of a method that say where images made elsewhere lie. As they are written they are part of what a run is;
what is in them is compared image by image (:meth:`tedbench.method.Editor.origins`)."""


def run_config(
    plain: Mapping[str, Any],
    *,
    model_digest: str | None,
    method_digest: str | None,
    device: str,
    threads: int,
    cards: Cards,
) -> dict[str, Any]:
    """The contents of a run's config.yaml: its format, five blocks and cards.

    ``fit`` (model and weights, recipe, method, pair geometry, seed) and ``numerics`` say what its images are;
    ``sweep``, ``measure`` and ``how`` may change from call to call. A model is known by the digest of its files, not by
    where they lie, and so are a method's own weights. A method that works on no model (``model_digest`` None) has none in
    its identity.
    """
    model = {k: v for k, v in plain["model"].items() if k != "_target_" and not k.endswith(("path", "revision"))}
    method = dict(plain["method"])
    method |= {k: str(Path(str(method[k]))) for k in FILES if method.get(k) is not None}  # out/ is out
    return {
        "format": FORMAT,
        "fit": {
            "dataset": plain["dataset"]["name"],
            **({"list": list_name(plain["dataset"]["file"])} if plain["dataset"].get("file") else {}),
            "size": plain["dataset"]["size"],
            "model": {**model, "digest": model_digest} if model_digest else None,
            "method": {**method, "digest": method_digest} if method_digest else method,
            "seed": plain["seed"],
        },
        "numerics": {
            **plain["numerics"],
            **({"kept_fits": "bfloat16"} if plain["fits"]["keep"] == "weights" else {}),  # they are rounded
            "device": device,
            "threads": threads,
        },
        "sweep": plain["sweep"],
        "measure": plain["metrics"],
        "how": {
            "executor": plain["executor"],
            "model": plain["model"],
            **{f"method_{k}": v for k, v in plain["method"].items() if k in FILES},
            "dataset": plain["dataset"],
            "run": plain["run"],
        },
        "cards": cards.to_config(),
    }


def list_name(file: str | Path) -> str:
    """What tells a list from others: its file's name and its folder's, "birds/pairs.csv".

    What stands in it does not count, so that it can be corrected and grow; where it lies, not either, so that a project can move.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100  (links stay what they are called)
    return f"{path.parent.name}/{path.name}"


UNNAMEABLE = re.compile(r"^\.|[/\\\x00-\x1f\x7f]|^\s*$|^.{81}", re.DOTALL)
"""What no part of a folder's name can be."""


def check_names(plain: Mapping[str, Any]) -> None:
    """Refuses names of method, model and dataset that would lead a run's folder elsewhere.

    Raises:
        UserError: says which.
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
    """What of a run's configuration decides what is kept of a fit: all but sampling, and for e_opt alone but stage B."""
    leave = ("name", "sampling", "sampler", *(STAGE_B if keep == "embedding" else ()))

    def but(block: dict[str, Any]) -> dict[str, Any]:
        return {k: but(v) if isinstance(v, dict) else v for k, v in block.items() if k not in leave}

    fit, numerics = config["fit"], {k: v for k, v in config["numerics"].items() if k != "sample_batch"}
    return {"model": fit["model"], "method": but(fit["method"]), "seed": fit["seed"], "numerics": numerics}


def run_name(config: dict[str, Any]) -> str:
    """``<dataset>-<model>-<method>-<hash>``."""
    method = config["cards"]["method"]
    return f"{config['fit']['dataset']}-{method['model']}-{method['name']}-{run_hash(config)}"


def run_hash(config: dict[str, Any]) -> str:
    """Eight hex digits of what decides a run's images, wherever its folder lies."""
    text = json.dumps({block: config[block] for block in BLOCKS_HASHED}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
