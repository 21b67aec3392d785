"""Cards of dataset, method and metrics."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval.runs.cards import Cards, DatasetCard
from tedbench.datasets.folder import Folder
from tests.made_runs import card_of, made_config


@pytest.fixture
def cards():
    return Cards.from_config(made_config(model="picturebook")["cards"])


def test_a_model_of_drawn_scenes_warns_on_other_pictures(cards):
    drawn = replace(cards.method, synthetic=True)
    assert "picturebook was trained on drawn scenes alone" in replace(cards, method=drawn).unfit_model
    assert "`" not in replace(cards, method=drawn).unfit_model
    assert cards.unfit_model is None
    own = replace(cards.dataset, synthetic=True)
    assert replace(cards, method=drawn, dataset=own).unfit_model is None


def test_a_list_of_ones_own_is_named_by_its_file():
    dataset = object.__new__(Folder)
    dataset.list_file = Path("birds/pairs.csv")
    assert DatasetCard.of(dataset, "folder").label == "folder (pairs.csv)"


def test_shown_scores_have_the_bounds_of_the_raw_ones_turned_round():
    assert card_of("lpips/alex/64").shown_bounds == (None, 1.0)
    assert card_of("clip/a/b").shown_bounds == (-1.0, 1.0)
