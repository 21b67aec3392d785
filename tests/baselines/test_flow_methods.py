"""Methods on flow models, on a narrow Stable Diffusion 3 and a narrow FLUX with random weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from baselines.cycle_diffusion import CycleDiffusion
from baselines.cycle_sde import CycleSDE
from baselines.ddib import DDIB
from baselines.edit_friendly import EditFriendly
from baselines.flowalign import FlowAlign
from baselines.flowedit import FlowEdit
from baselines.rf_inversion import RFInversion
from baselines.rf_solver import FireFlow, RFSolver
from baselines.sdedit import SDEdit
from baselines.uniedit_flow import UniEditFlow
from imagic.editor import Imagic
from imagic.models.batched import Row
from imagic.models.flow_solvers import integrate
from imagic.models.flux import Flux
from imagic.models.lockstep import Branch, predict_branches
from imagic.models.sampling import ddim, guided
from imagic.models.sd3 import StableDiffusion3
from imagic.models.values import ValueControl, value_layers
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry
from tests.imagic.test_flux import narrow_flux
from tests.imagic.test_sd3 import narrow_sd3

SIDE, STEPS = 64, 6
SAMPLING = {"steps": STEPS, "guidance": 3.0, "source_guidance": 2.0}


@pytest.fixture(scope="module")
def sd3(text_config, tmp_path_factory):
    folder = narrow_sd3(tmp_path_factory.mktemp("sd3"), text_config)
    return StableDiffusion3.load(str(folder), t5=False, t5_tokens=0)


@pytest.fixture(scope="module")
def flux(text_config, tmp_path_factory):
    return Flux.load(str(narrow_flux(tmp_path_factory.mktemp("flux"), text_config)), image_size=SIDE, t5_tokens=8)


@pytest.fixture(scope="module")
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", source_text="A standing dog."), noise_image(size=SIDE))


def made(editor, pair, *requests):
    """Latents of a method's images, a row for each (strength, seed)."""
    with editor.fit(pair) as edit:
        return editor.make([Row(edit, strength, seed) for strength, seed in requests])


def flowedit(model, **changes):
    return FlowEdit(model, sampling={**SAMPLING, "averages": 1, "last": 0, **changes})


def flowalign(model, **changes):
    return FlowAlign(model, sampling={"steps": STEPS, "guidance": 3.0, "pull": 0.01, **changes})


def rf_inversion(model, **settings):
    return RFInversion(model, sampling=SAMPLING, **settings)


def uniedit(model, **settings):
    return UniEditFlow(model, sampling={"steps": STEPS, "guidance": 1.0}, **settings)


def fireflow(model):
    return FireFlow(model, sampling={"steps": STEPS, "guidance": 3.0}, layers="")


def rf_solver(model, **settings):
    return RFSolver(model, **{"sampling": {"steps": STEPS, "guidance": 3.0}, "layers": "", **settings})


EDITORS = {
    "flowedit": flowedit,
    "flowalign": flowalign,
    "rf_inversion": rf_inversion,
    "uniedit_flow": uniedit,
    "rf_solver": rf_solver,
    "fireflow": fireflow,
}
WITH_FLUX = [*((name, "sd3") for name in EDITORS), *((name, "flux") for name in EDITORS if name != "flowalign")]


@pytest.mark.parametrize(("name", "model"), WITH_FLUX)
def test_every_strength_is_an_image_of_its_own(request, pair, name, model):
    x = made(EDITORS[name](request.getfixturevalue(model)), pair, (0.0, 0), (0.5, 0), (1.0, 0))
    assert torch.isfinite(x).all() and (x[0] != x[1]).any() and (x[1] != x[2]).any()


@pytest.mark.parametrize("name", ["flowedit", "flowalign", "uniedit_flow"])
def test_at_0_the_inputs_latents_come_back_bit_by_bit(sd3, pair, name):
    x = made(EDITORS[name](sd3), pair, (0.0, 0), (1.0, 0))  # in a batch that takes all steps
    assert torch.equal(x[:1], sd3.encode_image(pair.image))


@pytest.mark.parametrize("method", [EditFriendly, CycleDiffusion, CycleSDE])
def test_noise_maps_of_a_flows_stochastic_sampler_give_the_input_back(sd3, pair, method):
    sampling = {"steps": STEPS, "guidance": 2.0, "source_guidance": 2.0, "ddim_eta": 1.0}
    editor, x0 = method(sd3, sampling=sampling), sd3.encode_image(pair.image)
    same = made(editor, same_text(pair), (0.0, 0), (0.5, 0), (1.0, 0))
    assert torch.equal(same[:1], x0)
    torch.testing.assert_close(same, x0.expand_as(same), atol=1e-5, rtol=1e-5)
    assert (made(editor, pair, (1.0, 0)) - x0).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["flowedit", "flowalign"])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_an_image_does_not_depend_on_its_batch(sd3, pair, name, strength):
    editor = EDITORS[name](sd3)
    alone, among = made(editor, pair, (strength, 1)), made(editor, pair, (0.5, 0), (strength, 1), (0.9, 1))
    torch.testing.assert_close(alone[0], among[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", EDITORS)
def test_an_image_has_the_same_bits_whatever_strengths_are_beside_it(sd3, pair, name):
    editor = EDITORS[name](sd3)
    first = made(editor, pair, (0.5, 1), (0.5, 0), (0.9, 0))
    again = made(editor, pair, (0.5, 1), (0.2, 0), (1.0, 0))
    assert torch.equal(first[0], again[0])


def same_text(pair):
    return dataclasses.replace(pair, entry=dataclasses.replace(pair.entry, source_text=pair.entry.target_text))


def test_flowedit_with_equal_texts_and_equal_guidance_returns_the_input(sd3, pair):
    x0, same = sd3.encode_image(pair.image), same_text(pair)
    equal = made(flowedit(sd3, source_guidance=3.0), same, (1.0, 0))
    torch.testing.assert_close(equal, x0, atol=1e-5, rtol=1e-5)
    assert (made(flowedit(sd3), same, (1.0, 0)) - x0).abs().max() > 1e-3  # the guidances differ


def test_flowalign_and_uniedit_with_equal_texts_return_the_input(sd3, pair):
    x0, same = sd3.encode_image(pair.image), same_text(pair)
    torch.testing.assert_close(made(flowalign(sd3), same, (1.0, 0)), x0, atol=1e-5, rtol=1e-5)
    errors = []
    for steps in (8, 16, 32):
        sampling = {"steps": steps, "guidance": 1.0}
        x = made(UniEditFlow(sd3, sampling=sampling, source="source_text"), same, (1.0, 0))
        errors.append((x - x0).abs().max().item())  # of inversion and decoding
    assert errors[0] < 0.1 and errors[2] < errors[0] / 2


def test_flowedit_averages_over_noises_and_samples_its_last_steps_in_the_usual_way(sd3, pair):
    x0 = sd3.encode_image(pair.image)
    one, two = (made(flowedit(sd3, averages=n), pair, (0.5, 0)) for n in (1, 2))
    assert (one != two).any()
    plain = made(flowedit(sd3, last=3), pair, (0.0, 0), (0.5, 0), (1.0, 0))
    assert torch.equal(plain[:1], x0)
    # a start within the last steps is SDEdit's: noise, then the equation under the target text
    editor = flowedit(sd3, last=3)
    with editor.fit(pair) as edit:
        eps = editor.noise([Row(edit, 0.5, 0)], "step noise", 3, 0)
    x_t = sd3.process.mix(x0, eps, sd3.process.schedule(STEPS)[3])
    text, null = sd3.encode_text(["A sitting dog."]), sd3.encode_text([""])
    wanted = ddim(sd3, x_t, text, null, steps=STEPS, guidance=3.0, start=[3])
    torch.testing.assert_close(plain[1:2], wanted, atol=1e-4, rtol=1e-4)


def test_rf_inversion_drawn_to_the_input_at_all_steps_returns_it_whatever_the_text(sd3, pair):
    x0 = sd3.encode_image(pair.image)
    x = made(rf_inversion(sd3, stop=1.0), pair, (0.0, 0), (0.0, 1), (0.5, 0))
    torch.testing.assert_close(x[:2], x0.expand(2, -1, -1, -1), atol=1e-5, rtol=1e-5)
    assert (x[2] - x0[0]).abs().max() > 1e-2
    assert (made(rf_inversion(sd3), pair, (0.0, 0)) - x0).abs().max() > 1e-2  # the last steps are free


def test_rf_inversion_drawn_to_noise_alone_ends_in_the_seeds_noise(sd3, pair):
    editor = rf_inversion(sd3, gamma=1.0)
    with editor.fit(pair) as edit:
        noise = torch.randn(1, *sd3.latent_shape, generator=edit.rng("noise", 3))
        torch.testing.assert_close(edit.inverted(3), noise, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("solver", ["euler", "midpoint", "fireflow"])
def test_without_sharing_rf_solver_is_the_plain_decoding_of_the_inversion(sd3, pair, solver):
    editor = rf_solver(sd3, solver=solver)
    text, source, null = (sd3.encode_text([text]) for text in ("A sitting dog.", "A standing dog.", ""))
    levels = sd3.process.schedule(STEPS)
    own = lambda i, x, t: guided(sd3, x, t.repeat(1), source, null, 1)
    edited = lambda i, x, t: guided(sd3, x, t.repeat(1), text, null, 3.0)
    noise = integrate(own, sd3.encode_image(pair.image), levels.flip(0), solver)[-1]
    wanted = integrate(edited, noise, levels, solver)[-1]
    found = made(editor, pair, (0.5, 0), (1.0, 0))
    torch.testing.assert_close(found[1:], wanted, atol=1e-4, rtol=1e-4)
    assert (found[0] - found[1]).abs().max() > 1e-4


def test_ddib_with_a_solver_of_second_order_gives_the_input_back_better(sd3, pair):
    x0, same, errors = sd3.encode_image(pair.image), same_text(pair), {}
    for solver in ("ddim", "midpoint", "fireflow"):
        x = made(DDIB(sd3, sampling={"steps": 12}, solver=solver), same, (1.0, 0))
        errors[solver] = (x - x0).abs().max().item()
    assert max(errors["midpoint"], errors["fireflow"]) < errors["ddim"] / 2


@pytest.mark.parametrize("sampler", ["midpoint", "fireflow"])
def test_imagic_samples_with_a_solver_of_second_order(sd3, tiny_model, pair, sampler):
    stage = {"steps": 0, "lr": 1e-2, "draws": 1}
    stages = {"embedding": stage, "finetune": {**stage, "decay": 0.0, "empty": 0.0}}
    images = []
    for solver, steps in ((sampler, 24), ("ddim", 200)):
        editor = Imagic(sd3, **stages, sampling={"steps": steps, "guidance": 2.0}, variant={"sampler": solver})
        with editor.fit(pair) as edit:
            images.append(editor.make([Row(edit, 1.0, 0)]))
    torch.testing.assert_close(*images, atol=2e-2, rtol=0)
    with pytest.raises(UserError, match=rf"method.variant.sampler={sampler} works on flow models alone"):
        Imagic(tiny_model(), **stages, sampling={"steps": 2, "guidance": 2.0}, variant={"sampler": sampler})


@pytest.mark.parametrize("model", ["sd3", "flux"])
def test_values_can_be_read_and_changed_in_every_layer_and_hooks_are_gone_after_an_error(request, pair, model):
    model = request.getfixturevalue(model)
    x, t, text = torch.randn(2, *model.latent_shape), torch.tensor([0.4, 0.7]), model.encode_text(["A dog."] * 2)
    seen, scale = [], 1.0

    class Reader(ValueControl):
        def values(self, layer, v):
            seen.append((layer.name, v.shape[1]))
            return scale * v

    with torch.no_grad():
        plain = model.predict(x, t, text)
        with model.values(Reader()):
            assert torch.equal(model.predict(x, t, text), plain)
        assert {name for name, _ in seen} == {layer.name for layer in value_layers(model.network)}
        scale = 0.0
        with pytest.raises(KeyboardInterrupt), model.values(Reader()):
            assert not torch.equal(model.predict(x, t, text), plain)
            raise KeyboardInterrupt
        assert torch.equal(model.predict(x, t, text), plain)


def test_layers_that_a_model_lacks_and_networks_that_are_no_transformers_are_refused(sd3, tiny_model):
    with pytest.raises(
        UserError, match=r"no attention layer that recipe.rf_solver.layers=single finds; it has .*\.0\.attn"
    ):
        rf_solver(sd3, layers="single")
    with pytest.raises(UserError, match="tiny is no transformer"), tiny_model().values(ValueControl()):
        pass


def test_sdedit_adds_fresh_noise_at_every_step_of_a_flow(sd3, pair):
    editor, drawn = SDEdit(sd3, sampling={"steps": STEPS, "guidance": 2.0}), []
    noise = editor.noise

    def counted(rows, *purpose):
        drawn.append(purpose)
        return noise(rows, *purpose)

    editor.noise = counted
    x = made(editor, pair, (0.5, 0), (1.0, 0))
    assert torch.isfinite(x).all() and len(set(drawn)) == len(drawn) == STEPS  # the last step adds none


@pytest.mark.parametrize("mask", ["signed", "absolute"])
def test_uniedits_velocity_is_that_of_the_authors_scheduler(sd3, mask):
    """The published rule written out: stride correction and fused velocity of one step of length 1."""
    rng = torch.Generator().manual_seed(0)
    target, own = (torch.randn(2, 16, 4, 4, generator=rng) for _ in range(2))
    g = target - own
    m = (g if mask == "signed" else g.abs()).mean(dim=1, keepdim=True)
    low, high = (each.reshape(2, 1, 1, 1) for each in (m.flatten(1).amin(1), m.flatten(1).amax(1)))
    m = (m - low) / (high - low + 1e-7)
    wanted = 5.0 * (1 + m) * g + m * target + (1 - m) * own
    torch.testing.assert_close(uniedit(sd3, mask=mask).velocity(target, own), wanted)


def test_uniedits_mask_on_flux_has_one_value_for_each_packed_square(flux):
    rng = torch.Generator().manual_seed(0)
    target, own = (torch.randn(1, 16, 4, 4, generator=rng) for _ in range(2))
    g = target - own
    packed = g.abs().reshape(1, 16, 2, 2, 2, 2).mean((1, 3, 5))  # as the mean over a token's 64 channels
    m = ((packed - packed.min()) / (packed.max() - packed.min() + 1e-7)).repeat_interleave(2, 1).repeat_interleave(2, 2)
    wanted = 5.0 * (1 + m) * g + m * target + (1 - m) * own
    torch.testing.assert_close(uniedit(flux, mask="absolute").velocity(target, own), wanted)


def test_a_distilled_model_is_never_guided_against_a_second_text_in_silence(flux, pair):
    sampling = {"steps": 2, "guidance": 1.0, "source_guidance": 1.0, "ddim_eta": 1.0}
    text = flux.encode_text(["A dog."])
    with pytest.raises(UserError, match="takes the guidance as an input, and this method guides against"):
        predict_branches(
            flux, [torch.zeros(1, *flux.latent_shape)], [Branch(text, 3.0, text)], torch.tensor(0.5), step=0, steps=1
        )
    same = made(
        EditFriendly(flux, sampling={**sampling, "guidance": 3.0, "source_guidance": 3.0}), same_text(pair), (1.0, 0)
    )
    torch.testing.assert_close(same, flux.encode_image(pair.image), atol=1e-5, rtol=1e-5)  # both are told 3


def test_more_last_steps_than_steps_are_refused():
    with pytest.raises(UserError, match=r"last is 9\. It must be at most steps, 6"):
        FlowEdit.describe({"sampling": {**SAMPLING, "averages": 1, "last": 9}})


def test_models_that_a_method_cannot_use_are_refused_in_one_line(tiny_model, flux):
    for name, make in EDITORS.items():
        with pytest.raises(UserError, match="works on flow models alone, and tiny is none") as told:
            make(tiny_model())
        assert str(told.value).count("\n") == 0, name
    with pytest.raises(UserError, match="FlowAlign guides against the source text"):
        flowalign(flux)


@pytest.mark.parametrize("name", ["flowedit", "flowalign", "uniedit_flow", "rf_solver"])
def test_a_pair_without_a_source_text_is_refused(sd3, pair, name):
    without = dataclasses.replace(pair, entry=dataclasses.replace(pair.entry, source_text=None))
    with pytest.raises(PairError, match="needs source_text"):
        EDITORS[name](sd3).fit(without)


@pytest.mark.parametrize(
    ("name", "of_pair", "of_image"),
    [
        ("flowedit", 0, 4 * 3),
        ("flowalign", 0, 3 * 3),
        ("uniedit_flow", STEPS + 1, 2 * 3),
        ("rf_inversion", 0, 3 * STEPS),
        ("rf_solver", 2 * STEPS, 6 * STEPS),
        ("fireflow", STEPS + 1, 3 * (STEPS + 1)),
    ],
)
def test_costs_are_as_the_documentation_says(sd3, pair, name, of_pair, of_image):
    editor, before = EDITORS[name](sd3), sd3.evaluations
    editor.sample_batch = 1
    with editor.fit(pair) as edit:
        assert sd3.evaluations - before == of_pair
        list(edit.sample([(0.5, 0)]))
    assert sd3.evaluations - before == of_pair + of_image
