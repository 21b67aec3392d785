"""What is part of a run's name and of a kept fit's key: whatever changes bits, and nothing else."""

from __future__ import annotations

import pytest

from cli.command import compose, resolved
from eval.runs.cards import Cards
from eval.runs.config import fit_identity, run_config, run_hash
from tests.made_runs import made_config


def config_of(*overrides):
    cfg = compose("run", list(overrides))
    cards = Cards.from_config(made_config()["cards"])
    return run_config(resolved(cfg), model_digest="0", method_digest=None, device="cpu", threads=1, cards=cards)


@pytest.mark.parametrize(("option", "values"), [("method.fit_group", (1, 2, 4)), ("numerics.compile", (False, True))])
def test_an_option_that_changes_bits_is_part_of_hash_and_key(option, values):
    found = [config_of(f"{option}={value}") for value in values]
    assert len({run_hash(config) for config in found}) == len(values)
    for keep in ("embedding", "weights"):
        assert len({str(fit_identity(config, keep)) for config in found}) == len(values)


def test_images_of_another_folder_or_list_are_another_run():
    found = [
        config_of("method=precomputed", f"method.{k}={v}") for k, v in (("folder", "a"), ("folder", "b"), ("file", "a"))
    ]
    assert len({run_hash(config) for config in found}) == 3
    assert run_hash(config_of("method=precomputed", "method.folder=./a/")) == run_hash(found[0])


def test_lists_of_one_name_in_different_folders_are_different_runs_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "A").mkdir()
    hash_of = lambda file: run_hash(config_of("dataset=folder", f"dataset.file={file}"))
    monkeypatch.chdir(tmp_path)
    a, b = hash_of("A/pairs.csv"), hash_of("B/pairs.csv")
    assert a != b and hash_of(tmp_path / "A" / "pairs.csv") == a
    monkeypatch.chdir(tmp_path / "A")
    assert hash_of("pairs.csv") == hash_of("../A/pairs.csv") == a and hash_of("../B/pairs.csv") == b
