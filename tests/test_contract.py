"""What every method owes the benchmark (tedbench/method.py), on tiny models with random weights."""

from __future__ import annotations

import inspect
import warnings
from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.utils import get_object
from PIL import Image

from cli.command import compose, resolved
from cli.help import ROOT, choices
from eval.runs.writer import RunWriter
from tedbench.build import build
from tedbench.datasets.folder import Folder
from tedbench.errors import ImageError, PairError, UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

METHODS = {  # a new method is a line: what makes its Picturebook recipe quick
    "imagic": {"embedding.steps": 2, "finetune.steps": 2, "sampling.steps": 2},
    "sdedit": {"sampling.steps": 4},
    "ddib": {"sampling.steps": 2},
    "edit_friendly": {"sampling.steps": 4},
    "cycle_diffusion": {"sampling.steps": 4},
    "cycle_sde": {"sampling.steps": 4},
    "negative_prompt": {"sampling.steps": 2},
    "p2p": {"sampling.steps": 2},
    "masactrl": {"sampling.steps": 2},
    "leditspp": {"sampling.steps": 4},
    "pnp": {"sampling.steps": 2, "control.feature": "up_blocks.0.resnets.0"},
    "null_text": {"sampling.steps": 2, "null_text.iterations": 2},
    "diffedit": {"sampling.steps": 4, "difference.draws": 2},
    "blended": {"sampling.steps": 4, "difference.draws": 2},
    "pix2pix_zero": {"sampling.steps": 2, "regularisation.rounds": 1, "regularisation.shifts": 1},
    "forgedit": {"finetune.steps": 2, "sampling.steps": 2},
    "hiper": {"embedding.steps": 2, "sampling.steps": 2},
    "sine": {"finetune.steps": 2, "sampling.steps": 2},
    "unitune": {"finetune.steps": 2, "sampling.steps": 4},
    "text2live": {"optimisation.steps": 2, "generator.scales": 2, "generator.width": 8, "views.count": 1},
}
FLOW_METHODS = {  # those that have recipes for flow models alone
    "flowedit": {"sampling.steps": 4},
    "flowalign": {"sampling.steps": 4},
    "rf_inversion": {"sampling.steps": 4},
    "uniedit_flow": {"sampling.steps": 4},
    "rf_solver": {"sampling.steps": 4, "layers": "transformer_blocks"},
    "fireflow": {"sampling.steps": 4, "layers": "transformer_blocks"},
}
INSTRUCT_METHODS = {"instruct_pix2pix": {"sampling.steps": 4}}  # on a model of its own
PIPELINES = {"pipeline": {"call.num_inference_steps": 2}}
EVERY = METHODS | FLOW_METHODS | INSTRUCT_METHODS | PIPELINES
ON = {**dict.fromkeys(FLOW_METHODS, "sd3"), "instruct_pix2pix": "instruct_pix2pix", "pipeline": "ip2p"}
"""Models of the methods that have no recipe for Picturebook's."""
RECIPES = {"null_text": "p2p"}
"""Methods that take another one's recipe."""
SIZE = 16


@cache
def settings_of(method):
    """Of a method on Picturebook, or on a model that it can use, as the configuration has them, but quick."""
    changes = EVERY[method].items()
    quick = [f"recipe.{RECIPES.get(method, method)}.{key}={value}" for key, value in changes]
    model = [f"model={ON[method]}"] if method in ON else []
    settings = resolved(compose("run", [f"method={method}", *model, *quick]))["method"]
    del settings["name"]
    return settings


@pytest.fixture(params=EVERY)
def make(request, tiny_model, tiny_flow, tiny_instruct, tiny_pipeline, random_clip):
    """Makes the method anew."""

    def made(seed=0):
        settings = deepcopy(settings_of(request.param))
        if "clip" in settings:
            settings["clip"]["model"] = random_clip
        takes = inspect.signature(get_object(settings["_target_"])).parameters
        others = {"sd3": tiny_flow, "instruct_pix2pix": tiny_instruct, "ip2p": tiny_pipeline}
        model = others.get(ON.get(request.param), tiny_model)
        offered = {"model": model(), "device": "cpu", "seed": seed, "sample_batch": 3}
        return build(settings, **{key: value for key, value in offered.items() if key in takes})

    return made


def pair_of(noise_image, name="a.png", text="A photo of a sitting dog.", seed=0):
    entry = Entry(name, text, "A photo of a standing dog.", "dog", "sitting dog", "pose", "Make the dog sit.")
    return EditPair(entry, noise_image(seed, SIZE))


def sampled(editor, pair, requests):
    with editor.fit(pair) as edit:
        return list(edit.sample(requests))


def some(editor, seeds=(0, 1)):
    """The weakest, a middle and the strongest of the axis, under two seeds where the method has them."""
    grid = editor.axis.grid
    chosen = [grid[0], grid[len(grid) // 2], grid[-1]]
    return [(strength, seed) for strength in chosen for seed in (seeds if editor.randomness != "none" else [0])]


def equal(one, two):
    return len(one) == len(two) and all(
        a[:2] == b[:2] and np.array_equal(a.image, b.image) for a, b in zip(one, two, strict=True)
    )


def test_no_method_is_left_out():
    assert EVERY.keys() == {name for name in choices("method") if not name.startswith("imagic_")} - {
        "precomputed",  # which edits nothing
        "endpoint",  # a service's model
    }  # variants of one method
    assert all((ROOT / "recipe" / RECIPES.get(name, name) / "picturebook.yaml").is_file() for name in METHODS)


def test_images_come_in_the_order_asked_in_the_pairs_geometry(make, noise_image):
    editor = make()
    requests = some(editor)[::-1]
    samples = sampled(editor, pair_of(noise_image), requests)
    assert [sample[:2] for sample in samples] == requests
    assert all(s.image.shape == (SIZE, SIZE, 3) and s.image.dtype == np.uint8 for s in samples)
    assert all(isinstance(sample, Sample) for sample in samples)


def test_a_second_pair_is_as_if_alone(make, noise_image):
    first, second = pair_of(noise_image), pair_of(noise_image, "b.png", "A photo of a jumping dog.", 1)
    editor = make()
    sampled(editor, first, some(editor))
    after_first = sampled(editor, second, some(editor))
    assert equal(after_first, sampled(make(), second, some(editor)))


def test_two_texts_on_one_image_are_two_edits(make, noise_image):
    editor = make()
    strongest = [some(editor)[-1]]
    texts = ("A photo of a sitting dog.", "A red tree in the snow.")
    one, two = (sampled(editor, pair_of(noise_image, text=text), strongest) for text in texts)
    assert not np.array_equal(one[0].image, two[0].image)


def test_a_failure_while_sampling_leaves_no_trace(make, noise_image):
    pair, editor = pair_of(noise_image), make()
    with pytest.raises(KeyboardInterrupt), editor.fit(pair) as edit:
        for _ in edit.sample(some(editor)):
            raise KeyboardInterrupt
    assert equal(sampled(editor, pair, some(editor)), sampled(make(), pair, some(editor)))


def test_made_in_pieces_it_is_the_same(make, noise_image):
    pair, editor = pair_of(noise_image), make()
    requests = some(editor)
    pieces = [sample for request in requests for sample in sampled(editor, pair, [request])]
    assert equal(sampled(editor, pair, requests), pieces)


def test_the_world_around_makes_no_difference_and_is_not_touched(make, noise_image):
    pair, editor = pair_of(noise_image), make()
    torch.manual_seed(1)
    np.random.seed(1)
    state = torch.get_rng_state()
    one = sampled(editor, pair, some(editor))
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    np.random.seed(2)
    assert equal(one, sampled(editor, pair, some(editor)))


def test_randomness_is_where_it_is_declared(make, noise_image, describe):
    pair, editor = pair_of(noise_image), make(seed=0)
    strongest = editor.axis.grid[-1]
    asked = describe(editor).requests([strongest], [0, 1])
    samples = sampled(editor, pair, asked)
    assert equal(samples, sampled(make(seed=0), pair, asked))
    other_run = sampled(make(seed=1), pair, asked)
    if editor.randomness == "none":
        assert asked == [(strongest, 0)]
        assert equal(samples, other_run)
    else:
        assert asked == [(strongest, 0), (strongest, 1)]
        assert not np.array_equal(samples[0].image, samples[1].image)
        assert not np.array_equal(samples[0].image, other_run[0].image)


def test_the_axis_is_ascending_and_has_its_identity(make, describe):
    editor, axis = make(), make().axis
    assert list(axis.grid) == sorted(set(axis.grid)) and axis.name.isidentifier() and axis.symbol
    assert [strength for strength, _ in describe(editor).requests(None, [0])] == list(axis.grid)
    if axis.identity is not None:
        assert axis.identity == axis.grid[0]
    with pytest.raises(UserError):
        describe(editor).requests([float("nan")], [0])


@pytest.mark.parametrize(
    ("mode", "shape"), [("RGBA", (40, 40)), ("L", (40, 40)), ("RGB", (37, 23)), ("RGB", (2, 3)), ("RGB", (1, 1))]
)
def test_any_picture_is_edited(make, tmp_path, mode, shape):
    rng = np.random.default_rng(0)
    depth = {"RGBA": (4,), "L": (), "RGB": (3,)}[mode]
    Image.fromarray(rng.integers(0, 256, (*shape, *depth), dtype=np.uint8)).save(tmp_path / "a.png")
    header = "image,target_text,source_text,source_object,target_object,instruction"
    (tmp_path / "pairs.csv").write_text(f"{header}\na.png,A sitting dog.,A dog.,dog,sitting dog,Make it sit.\n")
    (pair,) = Folder(tmp_path / "pairs.csv", SIZE)
    editor = make()
    (sample,) = sampled(editor, pair, some(editor)[-1:])
    assert sample.image.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(UserError, match="empty target text"):
        Entry("a.png", text)


def test_a_text_of_300_words_is_cut_with_a_warning(make, noise_image):
    long = " ".join(["dog"] * 300) + "."
    pair = EditPair(Entry("a.png", long, long, long, long, instruction=long), noise_image(0, SIZE))
    editor = make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        samples = sampled(editor, pair, some(editor)[-1:])
    assert len(samples) == 1
    assert any("cut off" in str(warning.message) for warning in caught)


def test_a_pair_that_lacks_what_the_method_needs_says_so(make, noise_image, describe):
    editor, bare = make(), Entry("a.png", "A photo of a sitting dog.")
    method = describe(editor)
    if not editor.needs:
        method.check([bare])
        return
    with pytest.raises(PairError, match=editor.needs[0]):
        editor.fit(EditPair(bare, noise_image(0, SIZE)))
    with pytest.raises(UserError, match=editor.needs[0]):
        method.check([bare])
    method.check([bare, pair_of(noise_image).entry])


class Three(Folder):
    """Pairs of which the second has no readable image and the third lacks all that a method may need."""

    def __init__(self, good):
        self.good, self.size = good, SIZE
        bad = Entry("bad.png", "A cat.", "A dog.", "dog", "cat", instruction="Make it a cat.")
        self.entries = (good.entry, bad, Entry("bare.png", "A bird."))

    def load(self, entry):
        if entry.image_name == "bad.png":
            raise ImageError("bad.png cannot be read as an image.")
        return self.good if entry == self.good.entry else EditPair(entry, self.good.image)


def test_a_failed_pair_is_a_row_with_its_reason(make, noise_image, tmp_path, describe, make_job):
    editor = make()
    requests = describe(editor).requests(None, [0])[-2:]
    run = RunWriter.create(tmp_path, made_config("m", "n", editor.axis.name))
    make_job(run, Three(pair_of(noise_image)), editor, requests).execute()
    table = run.samples()
    status = table.groupby("image_name")["status"].agg(["first", "size"])
    assert (status["size"] == 2).all()
    assert dict(status["first"]) == {"a.png": "ok", "bad.png": "failed", "bare.png": "failed" if editor.needs else "ok"}
    assert table.loc[table["image_name"] == "bad.png", "reason"].str.contains("cannot be read").all()
    assert pd.isna(table["strength"]).sum() == 0


def test_pairs_computed_together_are_those_computed_alone(make, noise_image):
    editor = make()
    pairs = [
        pair_of(noise_image, f"{name}.png", f"A photo of a {name}.", i) for i, name in enumerate(("dog", "cat", "car"))
    ]
    if not editor.shares:
        pytest.skip("one pair at a time")
    asked = some(editor)[-2:]  # at the weakest strength some methods return the input for every seed
    edits = editor.fit_together(pairs)
    together = list(editor.sample_together([(edit, asked) for edit in edits]))
    together.sort(key=lambda made: (made[0], asked.index((made[1].strength, made[1].seed))))
    found = [sample for _, sample in together]
    for edit in edits:
        edit.close()
    alone = [sample for pair in pairs for sample in sampled(make(), pair, asked)]
    assert equal(found, alone)
    assert len({sample.image.tobytes() for sample in found}) == len(found)


def test_a_pair_that_cannot_be_fitted_leaves_the_others(make, noise_image):
    editor = make()
    if not editor.shares or not editor.needs:
        pytest.skip("it needs nothing of a pair, or takes one at a time")
    good = pair_of(noise_image)
    bad = EditPair(Entry("b.png", "A photo of a cat."), good.image)
    one, two, three = editor.fit_together([good, bad, good])
    assert isinstance(two, PairError)
    assert not isinstance(one, Exception) and not isinstance(three, Exception)
