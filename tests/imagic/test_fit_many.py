"""Stage A of several pairs at once: each ends where it ends alone, and nothing passes from one to another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagic.editor import Imagic
from imagic.embedding import optimise_embedding, optimise_embeddings
from imagic.errors import DivergedError
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 5, "lr": 1e-2, "draws": 2}
FINETUNE = {"steps": 2, "lr": 1e-2, "draws": 2, "decay": 0.0, "empty": 0.0}


@pytest.fixture
def pairs(noise_image):
    texts = ("A sitting dog.", "A bird.", "A red tree in the snow.")
    return [EditPair(Entry(f"{k}.png", text), noise_image(k)) for k, text in enumerate(texts)]


def make(model, group=3, **variant):
    sampling = {"steps": 2, "guidance": 3.0}
    return Imagic(
        model, embedding=STAGE, finetune=FINETUNE, sampling=sampling, variant=variant, fit_group=group, sample_batch=2
    )


def fit(editor, pair, among=None, progress=lambda *_: None):
    """A pair's edit, whose group is ``among``."""
    if among and editor.awaits_group(pair):
        editor.fit_group(among, progress)
    return editor.fit(pair, progress)


def e_opt_of(editor, pair, among=None, progress=lambda *_: None):
    with fit(editor, pair, among, progress) as edit:
        return edit.e_opt.tokens


@pytest.mark.parametrize(
    ("kind", "variant"),
    [
        ("epsilon", {}),
        ("v_prediction", {}),
        ("epsilon", {"finetune": "lora"}),
        ("epsilon", {"finetune": "none", "latents": "sample"}),
    ],
)
def test_three_pairs_at_once_end_where_each_ends_alone(tiny_model, pairs, kind, variant):
    if variant.get("finetune") == "lora":
        pytest.importorskip("peft")
    model = tiny_model(kind)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    together, alone = make(model, **variant), make(model, group=1, **variant)
    for pair in pairs:
        with fit(together, pair, pairs) as edit:
            e_opt, (_, _, image) = edit.e_opt.tokens, next(edit.sample([(0.8, 1)]))
        with alone.fit(pair) as edit:
            torch.testing.assert_close(
                e_opt, edit.e_opt.tokens, rtol=0, atol=1e-4
            )  # rounding, which differs between processors
            assert (edit.e_opt.tokens - edit.e_tgt.tokens).abs().max() > 1e-2
            assert np.abs(image.astype(int) - next(edit.sample([(0.8, 1)])).image).max() <= 2
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_a_group_is_optimised_once_when_its_first_pair_is_fitted(tiny_model, pairs):
    editor, told = make(tiny_model()), []
    for pair in (pairs[1], pairs[0], pairs[2]):
        told.append([])
        e_opt_of(editor, pair, pairs, lambda stage, step, steps: told[-1].append(stage))
    assert [stages.count("embedding") for stages in told] == [STAGE["steps"], 0, 0]


def test_no_bit_depends_on_what_is_beside_a_pair(tiny_model, pairs):
    a, b, c = pairs
    model, batches = tiny_model(), set()
    predict = model.predict
    model.predict = lambda x_t, t, e: batches.add(len(x_t)) or predict(x_t, t, e)
    beside = ([a, b, c], [a, None, b], [a], None)
    found = [e_opt_of(make(model, finetune="none"), a, among) for among in beside]
    assert all(torch.equal(found[0], other) for other in found[1:])
    assert batches == {3 * STAGE["draws"]}


def test_a_pair_fitted_once_more_ends_at_the_same_bits(tiny_model, pairs):
    editor = make(tiny_model())
    first = [e_opt_of(editor, pair, pairs) for pair in pairs]
    again = [e_opt_of(editor, pair, pairs) for pair in pairs[::-1]][::-1]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_one_pairs_nan_is_its_own(tiny_model, pairs):
    """The second picture has no finite latents."""

    model, whole = tiny_model(), make(tiny_model(), finetune="none")
    encode, bad = model.encode_image, pairs[1].image
    model.encode_image = lambda image, rng=None: encode(image, rng) * (float("nan") if image is bad else 1)
    editor = make(model, finetune="none")
    first = e_opt_of(editor, pairs[0], pairs)
    with pytest.raises(DivergedError, match="became nan; a smaller learning rate"):
        editor.fit(pairs[1])
    for pair, e_opt in ((pairs[0], first), (pairs[2], e_opt_of(editor, pairs[2], pairs))):
        assert torch.isfinite(e_opt).all()
        assert torch.equal(e_opt, e_opt_of(whole, pair, pairs))


def test_it_goes_on_for_the_others_and_ends_where_none_is_left(tiny_model):
    model = tiny_model()
    x0, e, nan = torch.randn(2, 4, 8, 8), model.encode_text(["A dog.", "A bird."]), torch.full((1, 4, 8, 8), torch.nan)
    settings = {**STAGE, "rngs": [torch.Generator().manual_seed(k) for k in (1, 2)]}
    steps: list[int] = []
    one, two = optimise_embeddings(
        model, torch.cat([x0[:1], nan]), e, progress=lambda *told: steps.append(told[1]), **settings
    )
    alone = optimise_embedding(model, x0[:1], e[:1], rng=torch.Generator().manual_seed(1), **STAGE)
    torch.testing.assert_close(one.tokens, alone.tokens, rtol=0, atol=1e-4)
    assert isinstance(two, DivergedError) and steps == [1, 2, 3, 4, 5]
    both = optimise_embeddings(
        model, torch.cat([nan, nan]), e, progress=lambda *told: steps.append(told[1]), **settings
    )
    assert all(isinstance(each, DivergedError) for each in both) and len(steps) == 5


def test_a_group_that_does_not_fit_into_memory_says_which_setting_to_lower(tiny_model, pairs):
    model = tiny_model()
    predict = model.predict

    def tight(x_t, t, e):
        if len(x_t) > 2 * STAGE["draws"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(x_t, t, e)

    model.predict = tight
    with pytest.raises(PairError, match=r"out of memory: .* 3 pairs at once. A smaller method\.fit_group"):
        fit(make(model), pairs[0], pairs)
    e_opt_of(make(model, group=2, finetune="none"), pairs[0], pairs[:2])


@pytest.mark.parametrize("group", [0, -1, 1.5, True, None, "4"])
def test_what_is_no_group_is_refused(tiny_model, group):
    with pytest.raises(UserError, match=r"method\.fit_group is .* whole number from 1"):
        make(tiny_model(), group=group)
