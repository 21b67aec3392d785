"""How near edits at strength 0 come to their inputs, over saved runs whose images are made from the inputs."""

from __future__ import annotations

import numpy as np
import pytest

from eval.analysis.reconstruction import psnr, reconstructions, rmse
from eval.metrics.base import Metric
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

pytestmark = pytest.mark.usefixtures("blank_figures")

ENTRIES = [Entry(f"{name}.png", "A dog.") for name in "abc"]


class MeanDifference(Metric):
    """A distance whose values can be worked out by hand."""

    name = "mean-distance"
    kind = "fidelity"

    def score(self, reference, images):
        return np.array([abs(image.astype(float).mean() - reference.image.mean()) for image in images])


def grey(level):
    return np.full((16, 16, 3), level, np.uint8)


@pytest.fixture
def make_run(tmp_path):
    """Writes a run of three grey inputs (0, 100 and 200), whose images at strength 0 are lighter by so much."""

    def make(name, shifts, how=None, model=None, strength=0.0):
        config = made_config(fit={"size": 16, "model": model}, how=how or {})
        run = RunWriter.create(tmp_path / name, config)
        for place, (entry, shift) in enumerate(zip(ENTRIES, shifts, strict=False)):
            samples = [Sample(strength, 0, grey(100 * place + shift)), Sample(1.0, 0, grey(255))]
            run.write_shard(EditPair(entry, grey(100 * place)), samples)
        return run

    return make


def lighter(image):
    """An autoencoder that makes everything lighter by 2."""
    return image + 2


def test_an_edit_lies_on_the_way_from_the_autoencoders_reconstruction_to_other_inputs(make_run):
    table = reconstructions({"ours": make_run("a", (2, 12, 52))}, lighter, MeanDifference())
    assert table["pair_id"].tolist() == [entry.id for entry in ENTRIES]
    others = [150, 100, 150]  # the mean distance of the two others
    wanted = [(shift - 2) / (far - 2) for shift, far in zip((2, 12, 52), others, strict=True)]
    assert table["way_lpips"].tolist() == pytest.approx(wanted)
    assert table["way_rmse"].tolist() == pytest.approx(wanted)
    assert table["autoencoder_psnr"].tolist() == pytest.approx([psnr(grey(0), grey(2))] * 3)
    assert table["psnr"].tolist() == pytest.approx([20 * np.log10(255 / shift) for shift in (2, 12, 52)])


def test_a_second_run_is_shown_where_it_has_the_pair(make_run):
    runs = {"ours": make_run("a", (2, 2, 2)), "other": make_run("b", (52, 52))}
    table = reconstructions(runs, lighter, MeanDifference()).set_index(["run", "pair_id"])
    assert table.loc["ours", "way_rmse"].tolist() == [0, 0, 0]
    assert table.loc["other", "way_rmse"].tolist() == pytest.approx([50 / 148, 50 / 98])


def test_rmse_does_not_wrap_round():
    assert rmse(grey(0), grey(255)) == 255 and rmse(grey(3), grey(3)) == 0


@pytest.mark.parametrize(("shifts", "strength"), [((2,), 0.0), ((2, 2, 2), 0.5)])
def test_a_run_that_has_nothing_to_compare_is_refused(make_run, shifts, strength):
    with pytest.raises(UserError, match="no two inputs with an edited image at strength 0"):
        reconstructions({"ours": make_run("a", shifts, strength=strength)}, lighter, MeanDifference())


def test_the_command_reads_the_model_from_the_run_and_prints_every_pair_and_the_means(
    make_run, command, tiny_folder, tmp_path
):
    settings = {
        "_target_": "imagic.models.latent.LatentDiffusion.load",
        "name": "tiny",
        "path": str(tiny_folder),
        "revision": None,
        "image_size": 16,
    }
    ours = make_run("a", (2, 12, 52), how={"model": settings}, model={"name": "tiny"})
    other = make_run("b", (52, 52))
    done = command("eval.reconstruction", f"run={ours.folder}", f"untuned={other.folder}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("pair ") and lines[0].endswith("without fine-tuning")
    assert [line.split()[0] for line in lines[1:4]] == [entry.id for entry in ENTRIES]
    assert [line.count(" dB") for line in lines[1:4]] == [3, 3, 2]
    assert lines[4].startswith("fine-tuned: mean of 3 of 3 pairs: ")
    assert lines[5].startswith("without fine-tuning: mean of 2 of 3 pairs: ")


def test_a_run_without_an_autoencoder_is_refused_in_a_line(make_run, command):
    bare = command("eval.reconstruction", f"run={make_run('a', (2, 2)).folder}")
    assert (bare.returncode, bare.stderr.count("\n")) == (2, 1) and "was made without a model" in bare.stderr
    settings = {"_target_": "imagic.models.cascade.Cascade.load", "path": "x"}
    cascade = make_run("b", (2, 2), how={"model": settings}, model={"name": "cascade"})
    done = command("eval.reconstruction", f"run={cascade.folder}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "is no LatentDiffusion" in done.stderr
