"""Pairs that are fitted in groups: whatever cut, failure or order they meet, the same bytes come out."""

from __future__ import annotations

import pytest

from eval.engine.groups import groups
from eval.runs.writer import RunWriter
from imagic.editor import Imagic
from imagic.fits import FitStore
from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError
from tedbench.pair import Entry
from tests.made_runs import made_config

STAGE = {"steps": 3, "lr": 1e-2, "draws": 1}


class Six(Dataset):
    """Six pairs, in groups of four and two. Pictures can be lost."""

    name = "folder"

    def __init__(self, pictures, lost=(), limit=None):
        super().__init__([Entry(f"{k}.png", f"A photo of picture {k}.") for k in range(6)], 16, limit)
        self.pictures, self.lost = pictures, lost

    def read(self, entry):
        if entry.image_name in self.lost:
            raise ImageError(f"{entry.image_name} cannot be read.")
        return self.pictures(int(entry.image_name[0])), None


def job_of(make_job, tiny_model, pictures, folder, spoilt=None, fits=None, retry_failed=False, **dataset):
    """A job in groups of four; ``spoilt`` is the number of a picture that has no finite latents."""
    model, six = tiny_model(), Six(pictures, **dataset)
    if spoilt is not None:
        encode, bad = model.encode_image, pictures(spoilt)
        model.encode_image = lambda image, rng=None: encode(image, rng) * (float("nan") if (image == bad).all() else 1)
    editor = Imagic(
        model,
        embedding=STAGE,
        finetune={**STAGE, "steps": 1, "decay": 0.0, "empty": 0.0},
        sampling={"steps": 1, "guidance": 1.0},
        fit_group=4,
        fits=fits,
        sample_batch=1,
    )
    run = RunWriter.create(folder, made_config())
    return make_job(run, six, editor, [(0.5, 0)], retry_failed=retry_failed)


@pytest.fixture
def job(make_job, tiny_model, noise_image, tmp_path):
    return lambda name="run", **settings: job_of(make_job, tiny_model, noise_image, tmp_path / name, **settings)


@pytest.fixture(scope="module")
def uncut(make_job, tiny_model, noise_image, shards, tmp_path_factory):
    """The shards of a run that nothing happened to."""
    whole = job_of(make_job, tiny_model, noise_image, tmp_path_factory.mktemp("uncut") / "run")
    whole.execute()
    found = shards(whole.run.folder)
    assert len(found) == 6 * 4  # the input, an image, a table, what is done
    return found


def but(found, pair_id):
    return {name: content for name, content in found.items() if pair_id not in name}


def test_a_group_is_neighbours_in_the_datasets_order():
    assert groups("abcdefg", 3) == ["abc", "def", "g"]
    assert groups("ab", 1) == ["a", "b"] and groups("", 4) == []


@pytest.mark.parametrize(
    ("stage", "steps", "kept"), [("embedding", 2, 0), ("fine-tuning", 3, 2), ("embedding", 5, 4), ("sampling", 6, 6)]
)
def test_a_run_cut_off_within_a_group_ends_as_the_uncut_one(job, uncut, shards, stage, steps, kept):
    left, first = [steps], job()

    def cut(name, step, of):
        left[0] -= name == stage
        if not left[0]:
            raise KeyboardInterrupt

    first.reporter.step = cut
    with pytest.raises(KeyboardInterrupt):
        first.execute()
    assert len(first.run.shards()) == kept
    job().execute()
    assert shards(first.run.folder) == uncut


@pytest.mark.parametrize(
    ("trouble", "words"), [({"lost": ("1.png",)}, "cannot be read"), ({"spoilt": 1}, "smaller learning rate")]
)
def test_a_pair_that_fails_within_a_group_changes_no_other_and_can_be_made_again(job, uncut, shards, trouble, words):
    first = job(**trouble)
    first.execute()
    failed = first.run.samples().query("status == 'failed'")
    assert list(failed["image_name"]) == ["1.png"] and words in failed["reason"].iloc[0]
    pair_id = failed["pair_id"].iloc[0]
    assert but(shards(first.run.folder), pair_id) == but(uncut, pair_id)
    job(retry_failed=True).execute()
    assert shards(first.run.folder) == uncut


def test_fewer_pairs_first_end_as_all_at_once(job, uncut, shards):
    first = job(limit=2)
    first.execute()
    assert len(first.run.shards()) == 2
    job().execute()
    assert shards(first.run.folder) == uncut


def test_kept_fits_of_a_group_spare_stage_a_and_change_no_bit(job, uncut, shards, tmp_path):
    told = []
    for name in ("one", "two"):
        keeping = job(name, fits=FitStore(tmp_path / "fits", "embedding", {}))
        keeping.reporter.step = lambda stage, step, steps: told.append(stage)
        keeping.execute()
        assert shards(keeping.run.folder) == uncut
    assert told.count("embedding") == 2 * STAGE["steps"]
