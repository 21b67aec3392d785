"""Values of a command line that Hydra's grammar cannot read."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli.command import compose
from cli.help import help_text
from cli.quoting import first_of_sweep, quote
from tedbench.errors import UserError

HARD = [
    "~/data",
    "/home/josé/tedbench",
    "/data/Jun & Co",
    "/data/run(1)/x.d",
    "/data/epoch=3",
    "/data/a, b/#1",
    "犬/🐕",
]


@pytest.mark.parametrize("path", HARD)
def test_a_path_needs_no_quotes_but_the_shells(path):
    expanded = str(Path(path).expanduser())
    assert compose("run", ["dataset=tedbench", f"dataset.root={path}"]).dataset.root == expanded


def test_paths_in_lists_need_no_quotes_but_the_shells():
    paths = [str(Path(path.replace(",", "")).expanduser()) for path in HARD]
    assert compose("compare", [f"runs=[runs/a, {', '.join(paths)}]"]).runs == ["runs/a", *paths]
    named = {f"m{place}": path for place, path in enumerate(paths)}
    assert compose("compare", [f"runs={{{', '.join(f'{k}: {v}' for k, v in named.items())}}}"]).runs == named


@pytest.mark.parametrize(
    "text",
    [
        *("a sitting dog", "a dog, sitting", "red,blue", "it's a dog", 'a "big" dog', "a dog (old) & a cat = two"),
        *(
            "¿un perro?",
            "50% of a dog; two!",
            "why: (a)",
            "cat(1)",
            "10, or 12",
            "42",
            "1e3",
            "true",
            "a\\b (c)",
            "a ${b",
        ),
    ],
)
def test_a_text_needs_no_quotes_but_the_shells(text):
    cfg = compose("imagic", ["image=a,b (1).png", f"text={text}"])
    assert (cfg.image, cfg.text) == ("a,b (1).png", text)


@pytest.mark.parametrize(
    "override",
    [
        *("text=a sitting dog", 'text="a (b)"', "text='a, b'", "sweep.strengths=[0,0.5]", "runs={a: runs/a}", "text="),
        *(
            "+experiment=tedbench",
            "~metrics.lpips",
            "dataset.limit=3",
            "run_dir=null",
            "out=${oc.env:HOME}/x",
            "nonsense",
        ),
    ],
)
def test_what_hydra_reads_stays_as_it_is(override):
    assert quote(override) == quote(override, several=True) == override


@pytest.mark.parametrize(
    ("override", "hydras", "first"),
    [
        ("method=imagic,sdedit", "method=imagic,sdedit", "method=imagic"),
        ("sweep.strengths=[0,1],[0.5]", "sweep.strengths=[0,1],[0.5]", "sweep.strengths=[0,1]"),
        ("dataset.root=/a(1),~/b", 'dataset.root="/a(1)","~/b"', 'dataset.root="/a(1)"'),
        ('text="a, b",c (d)', 'text="a, b","c (d)"', 'text="a, b"'),
        ("seed=range(3,5)", "seed=range(3,5)", "seed=3"),
        ("seed=7", "seed=7", "seed=7"),
    ],
)
def test_commas_part_the_values_of_a_sweep(override, hydras, first):
    assert quote(override, several=True) == hydras
    assert first_of_sweep(hydras) == first


@pytest.mark.parametrize("override", ["image=[old] dog.jpg", "text='a dog' and more", "text=[é"])
def test_what_begins_like_a_list_or_quoted_text_is_told_how_to_be_a_text(override):
    with pytest.raises(UserError, match="begins like a list or a quoted text") as error:
        compose("imagic", [override])
    advice = shlex.split(str(error.value).partition("For a text give ")[2].partition("; --help")[0])
    key, _, value = override.partition("=")
    assert compose("imagic", advice)[key] == value


def test_a_comma_that_may_be_a_list_or_a_text_is_asked_about():
    for override in ("dataset.ids=zebra, road1", "sweep.strengths=0,0.5"):
        with pytest.raises(UserError, match=r"For a list give .*=\[.*for a text .*-m"):
            compose("run", [override])
    with pytest.raises(UserError, match="put -m before: -m method=imagic,sdedit"):
        compose("run", ["method=imagic,sdedit"])


def test_help_says_how_to_quote():
    assert "\nQuoting: " in help_text("imagic", "", "")
