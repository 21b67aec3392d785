"""Settings: what each kind takes, what is said of other values, and that constructors' annotations are held."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hydra.utils import get_object

from cli.help import ROOT
from tedbench.build import build
from tedbench.errors import UserError
from tedbench.settings import (
    Amount,
    Count,
    Natural,
    OpenShare,
    Positive,
    Share,
    checked,
    checked_block,
    kinds_of,
    number,
    whole,
)

NAN, INF = float("nan"), float("inf")


class Part:
    """Something that a configuration may name."""

    def __init__(
        self,
        workers: Count | None = None,
        share: Share = 1.0,
        fast: bool = False,
        how: Literal["well", "badly"] = "well",
        folder: str | Path = ".",
        **more: Any,
    ) -> None:
        self.given = (workers, share, fast, how, folder)

    @classmethod
    def load(cls, workers: Count) -> Part:
        return cls(workers)


PART = f"{__name__}.Part"


@pytest.mark.parametrize(
    ("kind", "good", "bad", "words"),
    [
        (Count, [1, 2**70], [0, -1, True, 1.0, "3", None, NAN], "a whole number from 1"),
        (Count | None, [None, 1], [0, "none"], "a whole number from 1, or null"),
        (Natural, [0], [-1, False], "a whole number from 0"),
        (int, [-3], [1.5, True, "1"], "a whole number"),
        (Amount, [0, 0.5, INF], [-0.1, NAN, "1", True], "a number from 0"),
        (Share, [0, 1, 0.5], [1.1, -0.1, NAN, True, "0.5"], "a number from 0 to 1"),
        (Positive, [0.5, float("inf")], [0, -1, "much"], "a number above 0"),
        (OpenShare, [0.5], [0, 1, "much"], "a number between 0 and 1, both excluded"),
        (float | None, [None, 3, -2.5], [NAN, INF, "3", True], "a number, or null"),
        (bool, [True, False], [1, 0, "true", None], "true or false"),
        (whole(2, 9), [2, 9], [1, 10, 2.5], "a whole number from 2 to 9"),
        (number(0.01, 1e5), [0.01, 1e5], [0, INF, "1"], "a number from 0.01 to 100000"),
        (Literal["a", "b"], ["a"], ["c", 1, None], "one of a, b"),
        (list[float] | None, [[], [1, 0.5], None], [0.5, [True], ["a"], [NAN]], "a list of finite numbers, such as [0,0.5,1]"),
        (Sequence[int], [[1], (1, 2)], ["12", [1.5], 3], "a list of whole numbers, such as [0,1]"),
        (dict[Any, float], [{"a": 1, 2: 0.5}], [3, {"a": True}, {"a": NAN}], "a number by name"),
    ],
)  # fmt: skip
def test_a_setting_is_of_its_kind_or_told_of(kind, good, bad, words):
    for value in good:
        assert checked("x.y", value, kind) == value
    for value in bad:
        with pytest.raises(UserError, match="^" + re.escape(f"x.y is {value!r}. It must be {words}") + r"[,.]"):
            checked("x.y", value, kind)


def test_a_range_is_a_list():
    assert checked("seeds", range(3), Sequence[int]) == [0, 1, 2]


def test_a_block_has_its_settings_and_no_others():
    assert checked_block("A's b", {"steps": 3, "lr": 1}, lr=Amount, steps=Count) == {"steps": 3, "lr": 1.0}
    for settings, words in (
        ({"steps": 3}, "A's b has steps. It takes lr, steps."),
        ({}, "A's b has no settings. It takes lr, steps."),
        ({"steps": 3, "lr": 1, "x": 2}, "A's b has steps, lr, x. It takes lr, steps."),
        ({"steps": 0, "lr": 1}, "A's b.steps is 0. It must be a whole number from 1."),
        (3, "A's b is 3. It must be a block of settings."),
    ):
        with pytest.raises(UserError, match="^" + re.escape(words) + "$"):
            checked_block("A's b", settings, lr=Amount, steps=Count)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": True}, "executor.workers is True. It must be a whole number from 1, or null."),
        ({"share": "much"}, "executor.share is 'much'. It must be a number from 0 to 1."),
        ({"fast": "perhaps"}, "executor.fast is 'perhaps'. It must be true or false."),
        ({"how": "so"}, "executor.how is 'so'. It must be one of well, badly."),
    ],
)
def test_what_is_built_is_checked_by_its_constructors_annotations(settings, words):
    with pytest.raises(UserError, match="^" + re.escape(words) + "$"):
        build({"_target_": PART, **settings}, Part, "executor")


def test_texts_and_what_has_no_annotation_are_the_constructors_own_to_check():
    assert build({"_target_": PART, "folder": 2024, "other": "3"}, Part).given == (None, 1.0, False, "well", 2024)


def test_an_annotation_for_type_checkers_alone_hides_no_other():
    def of(model: Unknown, steps: Count) -> Unknown:  # noqa: F821
        pass

    assert list(kinds_of(of)) == ["steps"]


def test_a_class_method_is_checked_too_and_named_alone_outside_a_block():
    with pytest.raises(UserError, match=r"^workers is 0"):
        build({"_target_": f"{PART}.load", "workers": 0}, Part)


def test_every_number_that_the_configuration_gives_a_constructor_has_a_kind():
    targets = {name for file in ROOT.rglob("*.yaml") for name in re.findall(r"_target_: (\S+)", file.read_text())}
    assert len(targets) > 15
    for name in targets:
        target = get_object(name)
        scalar = {
            n for n, p in inspect.signature(target).parameters.items() if isinstance(p.default, bool | int | float)
        }
        assert scalar <= kinds_of(target).keys(), name


class Loaded:
    def __init__(self, *, size: Count = 3, fast: bool = False) -> None: ...

    @classmethod
    def load(cls, path: str, fast: int = 0, **settings: object) -> Loaded:
        return cls(**settings)  # type: ignore[arg-type]


def test_a_class_method_has_the_kinds_of_its_class_for_what_it_hands_on():
    assert kinds_of(Loaded.load) == {"size": Count, "fast": int}
