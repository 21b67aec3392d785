"""A metric that the project does not know is in every table, figure and page, by what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.methods import open_whole
from eval.analysis.strength_curves import along
from eval.engine.progress import Reporter
from eval.engine.score_pair import score_run
from eval.metrics.base import Metric
from eval.present.comparison_page import compare_runs
from eval.present.curves_page import curves
from eval.present.export.folder import write_folder
from eval.present.figures.page import figure
from eval.present.outputs import write_outputs
from eval.present.report.several import write_report_of
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

ENTRIES = [Entry(name, "A dog.", category="pose") for name in ("a.png", "b.png", "c.png")]


class Named(Metric):
    """A stranger's: brighter pictures fit the text better."""

    name, kind, heading = "vqa/big-model/1", "alignment", "VQA [b] | more"

    def score(self, reference, images):
        return images.mean(axis=(1, 2, 3)) / 255


class Far(Metric):
    """A stranger's distance, whose name does not say so."""

    name, kind, heading, higher_is_better, bounds = "colours/8/native", "fidelity", "colour shift", False, (0.0, 1.0)

    def score(self, reference, images):
        return np.abs(images.astype(float) - reference.image).mean(axis=(1, 2, 3)) / 255


class Answers(Metric):
    """A stranger's judgement, of pairs that it can judge."""

    name, kind, heading = "verdict", "judgement", "a person says yes"
    about = "Yes: what a person said."

    def unscored(self, reference):
        return "nobody was asked" if reference.image.mean() < 40 else None

    def score(self, reference, images):
        return (images.mean(axis=(1, 2, 3)) > 100).astype(float)


class ToTruth(Named):
    """A stranger's comparison with the true edit."""

    name, kind, heading, share = "same/as/truth", "truth", "same as truth", True

    def score(self, reference, images):
        return np.ones(len(images))


METRICS = [Named(), Far(), Answers(), ToTruth()]
SHOWN = ["vqa/big-model/1", "1-colours/8/native", "same/as/truth", "verdict"]


def grey(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[str]:
    """Two runs, whose pictures grow brighter along the strength, away from their inputs."""
    folder, made = tmp_path_factory.mktemp("runs"), []
    for place, method in enumerate(("imagic", "sdedit")):
        run = RunWriter.create(folder / method, made_config(method, symbol="η", fit={"size": 16}))
        for number, entry in enumerate(ENTRIES):
            samples = [Sample(s, 0, grey(int(60 + 100 * s + 20 * number + 5 * place))) for s in (0.0, 0.5, 1.0)]
            run.write_shard(EditPair(entry, grey(30 + 10 * number)), samples)
        score_run(run, METRICS, Reporter())
        write_outputs(run)
        made.append(str(run.folder))
    return made


def test_a_run_keeps_what_metrics_say_of_themselves(runs):
    cards = Run.open(Path(runs[0])).metrics
    assert [card.shown for card in cards] == SHOWN
    assert [card.heading for card in cards] == ["VQA [b] | more", "colour shift", "same as truth", "a person says yes"]
    assert [card.share for card in cards] == [False, False, True, True]
    assert [card.partial for card in cards] == [False, False, False, True]
    assert cards["colours/8/native"] == Far().card and cards["1-colours/8/native"].shown_bounds == (0, 1)


def test_its_curves_go_the_right_way_and_its_intervals_are_those_of_its_kind(runs):
    table = pd.read_csv(f"{runs[0]}/curves.csv").set_index(["metric", "strength"])
    assert set(table.index.get_level_values("metric")) == set(SHOWN)
    assert table.loc[("1-colours/8/native", 0.0), "mean"] > table.loc[("1-colours/8/native", 1.0), "mean"] > 0
    assert table.loc[("vqa/big-model/1", 1.0), "mean"] > table.loc[("vqa/big-model/1", 0.0), "mean"]
    judged = table.loc["verdict"]
    assert judged["mean"].tolist() == [0, 1, 1] and (judged["n_pairs"] == 2).all()  # of one nobody was asked
    assert 0 < judged.loc[0.0, "ci_high"] < 1 and 0 < judged.loc[1.0, "ci_low"] < 1


def test_the_report_has_its_heading_and_its_legend(runs, tmp_path):
    write_report_of(runs, tmp_path / "out")
    for page in (Path(runs[0]) / "report.html", tmp_path / "out" / "report.html"):
        text = page.read_text(encoding="utf-8")
        data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
        shown = [(each["short"], each["judged"], each["first"]) for each in data["metrics"]]
        assert shown == [
            ("VQA [b] | more", False, True),
            ("1−colour shift", False, True),
            ("same as truth", True, False),
            ("a person says yes", True, True),
        ]
        assert "Yes: what a person said." in text and "VQA [b] | more" in text
        assert "67% [" in text or "100% [" in text


def test_comparison_curves_figures_and_export_show_it(runs, tmp_path, capsys):
    compare_runs(runs, tmp_path / "compared")
    table = pd.read_csv(tmp_path / "compared" / "comparison.csv")
    assert list(dict.fromkeys(table["metric"])) == [name.replace("native", "native-16px") for name in SHOWN]
    page = (tmp_path / "compared" / "comparison.md").read_text(encoding="utf-8")
    assert r"| VQA \[b\] \| more ↑ | 1 − colour shift ↑ | same as truth ↑ | a person says yes ↑ |" in page
    assert (tmp_path / "compared" / "plane.png").exists() and "100%" in page
    curves(runs, tmp_path / "curves", fidelity="colours/8/native-16px")
    assert (
        "alignment: vqa/big-model/1; fidelity: 1-colours/8/native-16px; judgement: verdict" in capsys.readouterr().out
    )
    found = along(compare_on_common(open_whole(runs)))
    assert {kind: card.shown_heading for kind, card in found.shown.items()} == {
        "alignment": "VQA [b] | more",
        "fidelity": "1 − colour shift",
        "judgement": "a person says yes",
    }
    from eval.present.figures.material import FigureOptions

    figure(runs[:1], tmp_path / "figure", FigureOptions("10", 5, 1))
    assert "F: fidelity, 1-colours/8/native-16px" in (tmp_path / "figure" / "figure-10.md").read_text().replace(
        "\\", ""
    )
    write_folder(Run.open(Path(runs[0])), tmp_path / "export", "cc0-1.0")
    exported = json.loads((tmp_path / "export" / "results.json").read_text())
    assert {row["metric"] for row in exported["curves"]} == set(SHOWN)


@pytest.mark.parametrize(("name", "value"), [("kind", "Fidelity"), ("kind", None), ("reads", ("image",))])
def test_a_metric_that_says_nonsense_of_itself_is_refused(name, value):
    wrong = type("Wrong", (Named,), {name: value})()
    with pytest.raises(UserError, match=r"The metric vqa/big-model/1 .*Give (one|some) of"):
        wrong.card  # noqa: B018


def test_scores_without_a_card_are_told_of(runs, tmp_path):
    run = RunWriter.create(tmp_path / "run", made_config())
    pair = EditPair(ENTRIES[0], grey(30))
    run.write_shard(pair, [Sample(0.0, 0, grey(60))])
    columns = ["pair_id", "strength", "seed", "metric", "score"]
    run.shard(pair.id).write_scores("mine", pd.DataFrame([(pair.id, 0.0, 0, "mine", 1.0)], columns=columns))
    with pytest.raises(UserError, match=r"no card of the metric mine. Repeat eval.score"):
        write_outputs(run)
