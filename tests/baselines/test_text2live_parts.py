from __future__ import annotations

import math

import pytest
import torch
from timm.optim import MADGRAD
from torch.nn import functional as F

from baselines.text2live import losses, templates
from baselines.text2live.augment import ClipViews, InputVariants
from baselines.text2live.clip import Clip
from baselines.text2live.generator import Generator, decorrelated_colours, least_size
from baselines.text2live.layer import EditLayer
from baselines.text2live.relevancy import attend_openly, relevancy
from baselines.text2live.settings import Augmentation, Optimisation, Views, read
from tedbench.errors import UserError
from tedbench.seeding import seeded

AUGMENTATION = Augmentation(jitter=0.1, flip=0.5, scale_min=0.8, scale_max=1.2, crop=0.85, whole_every=75)


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# Generator and layer


@pytest.mark.parametrize("size", [(64, 64), (53, 37), (33, 64), (9, 9)])
def test_the_generator_gives_colours_and_opacity_in_the_pictures_own_size_odd_ones_too(size):
    out = Generator(scales=3, width=8)(rand(1, 3, *size))
    assert out.shape == (1, 4, *size)
    assert out.min() >= 0 and out.max() <= 1


def test_the_published_generator_halves_seven_times_with_thin_skips():
    generator = Generator()
    halvings = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d) and m.stride == (2, 2)]
    skips = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d) and m.out_channels == 4]
    assert [m.out_channels for m in halvings] == [128] * 7
    assert len(skips) == 7 + 1  # and the output: RGB and α
    assert generator(rand(1, 3, 129, 129)).shape == (1, 4, 129, 129)


def test_the_least_size_is_the_smallest_that_works():
    for scales in (1, 2, 3):
        least = least_size(scales)
        generator = Generator(scales, width=4)
        generator(rand(1, 3, least, least))
        with pytest.raises((RuntimeError, ValueError)):
            generator(rand(1, 3, least - 1, least - 1))


def test_normalisation_takes_the_batch_in_hand_and_remembers_nothing():
    generator, image = Generator(scales=2, width=8), rand(1, 3, 32, 32)
    before = generator(image)
    state = {k: v.clone() for k, v in generator.state_dict().items()}
    generator(rand(1, 3, 48, 48, seed=1))
    assert torch.equal(generator(image), before)
    assert torch.equal(generator.eval()(image), before)
    assert all(torch.equal(v, state[k]) for k, v in generator.state_dict().items())


def test_colours_are_decorrelated_by_a_matrix_whose_longest_column_is_one():
    matrix = decorrelated_colours()
    assert matrix.norm(dim=0).max() == pytest.approx(1)
    assert matrix[:, 0].tolist() == pytest.approx(
        [x / 1.6 * matrix[2, 0].item() / (0.27 / 1.6) for x in (0.26, 0.27, 0.27)]
    )
    generator = Generator(scales=1, width=4)
    with torch.no_grad():
        generator.to_rgba.weight.zero_()
        generator.to_rgba.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        pixel = generator(rand(1, 3, 8, 8))[0, :, 0, 0]
    assert torch.allclose(pixel[:3], (matrix @ torch.tensor([1.0, 2.0, 3.0])).sigmoid())
    assert pixel[3] == pytest.approx(1 / (1 + math.exp(-4)))


def test_a_layer_lies_over_a_background_and_is_not_there_at_opacity_0():
    layer, background = EditLayer.of(rand(1, 4, 8, 8)), rand(1, 3, 8, 8, seed=1)
    assert layer.over(background, 0.0) is background
    assert torch.allclose(layer.over(background), (1 - layer.alpha) * background + layer.alpha * layer.rgb)
    half = EditLayer(layer.rgb, layer.alpha / 2)
    assert torch.allclose(layer.over(background, 0.5), half.over(background))
    clear = EditLayer(layer.rgb, torch.zeros_like(layer.alpha))
    assert torch.allclose(clear.over_green()[0, :, 0, 0], torch.tensor([0, 177, 64]) / 255)


# Losses


def test_clip_distance_is_half_the_squared_angle():
    images, texts = rand(3, 5) - 0.5, rand(2, 5, seed=1) - 0.5
    angles = [math.acos(F.cosine_similarity(i, t, dim=0).item()) for i in images for t in texts]
    assert losses.clip_distance(images, texts).item() == pytest.approx(sum(a * a / 2 for a in angles) / 6, rel=1e-4)


def test_directional_is_one_minus_the_cosine_of_the_changes():
    before, after, texts = (rand(3, 5, seed=s) - 0.5 for s in range(3))
    plain = [1 - F.cosine_similarity(a - b, t, dim=0) for a, b in zip(after, before, strict=True) for t in texts]
    assert losses.directional(before, after, texts).item() == pytest.approx(torch.stack(plain).mean().item(), rel=1e-5)


def test_structure_compares_cosines_between_tokens_and_is_0_for_identical_images():
    before, after = rand(1, 4, 6) - 0.5, rand(1, 4, 6, seed=1) - 0.5
    total = 0.0
    for i in range(4):
        for j in range(4):
            a, b = (F.cosine_similarity(x[0, i], x[0, j], dim=0) for x in (before, after))
            total += (a - b).item() ** 2
    assert losses.structure(before, after).item() == pytest.approx(total / 16, rel=1e-4)
    assert losses.structure(before, before).item() == 0
    assert losses.structure(before, 3 * before).item() == pytest.approx(0, abs=1e-12)


def test_sparsity_counts_and_sums_what_is_not_transparent():
    alpha = rand(1, 1, 3, 3)
    l0 = sum(2 * (1 / (1 + math.exp(-5 * a)) - 0.5) for a in alpha.flatten().tolist()) / 9
    assert losses.sparsity(alpha, l1=0.3, l0=0.7).item() == pytest.approx(
        0.3 * alpha.mean().item() + 0.7 * l0, rel=1e-5
    )
    assert losses.sparsity(torch.zeros(1, 1, 2, 2), l1=0.01, l0=0.01) == 0


# CLIP


def test_size_mean_and_tokens_come_from_the_model(random_clip):
    clip = Clip(random_clip)
    assert (clip.side, clip.grid, len(clip.blocks)) == (32, (4, 4), 3)
    image = rand(1, 3, 32, 32)
    normal = (image - torch.tensor([0.4, 0.5, 0.6])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[:, None, None]
    assert torch.equal(clip.encode_images(image), clip.network.encode_image(normal))
    tokens = clip.tokens(image)
    assert tokens.shape == (1, 17, 16)
    pooled = clip.network.visual.ln_post(clip.blocks[-1](tokens))[:, 0] @ clip.network.visual.proj
    assert torch.allclose(pooled, clip.encode_images(image), atol=1e-6)  # so they are what enters the last block
    assert Clip("picturebook:clip").side == 64


def test_a_clip_without_weights_or_tokens_is_refused():
    with pytest.raises(UserError, match=r"clip\.pretrained"):
        Clip("ViT-B-32-quickgelu")
    with pytest.raises(UserError, match="QuickGELU"):
        Clip("ViT-B-32", "openai")


def test_attention_laid_open_is_the_same_attention():
    torch.manual_seed(0)
    attention, x = torch.nn.MultiheadAttention(16, 4, batch_first=True).eval(), rand(2, 5, 16)
    expected, weights = attention(x, x, x, average_attn_weights=False)
    result, open_weights = attend_openly(attention, x)
    assert torch.allclose(result, expected, atol=1e-6) and torch.allclose(open_weights, weights, atol=1e-6)


@pytest.mark.parametrize("blocks", [1, 2])
def test_relevancy_is_a_map_from_0_to_1_and_leaves_clip_as_it_was(random_clip, blocks):
    clip, image = Clip(random_clip), rand(1, 3, 40, 40)
    text, before = clip.encode_texts(["dog"])[0], clip.encode_images(clip.resize(image))
    found = relevancy(clip, image, text, blocks)
    assert found.shape == (1, 1, 40, 40) and not found.requires_grad
    assert found.min() == 0 and found.max() == pytest.approx(1)
    assert torch.equal(clip.encode_images(clip.resize(image)), before)


def test_relevancy_of_one_block_is_its_attention_weighed_by_its_gradient(random_clip):
    clip, image = Clip(random_clip), rand(1, 3, 32, 32)
    text, block = clip.encode_texts(["dog"])[0], Clip(random_clip).blocks[-1]
    tokens = block.ln_1(clip.tokens(image))
    _, weights = attend_openly(block.attn, tokens)
    weights = weights.detach().requires_grad_()
    values = F.linear(tokens, block.attn.in_proj_weight[32:], block.attn.in_proj_bias[32:]).reshape(1, 17, 2, 8)
    mixed = (weights @ values.transpose(1, 2)).transpose(1, 2).reshape(1, 17, 16)
    x = clip.tokens(image) + block.attn.out_proj(mixed)
    x = x + block.mlp(block.ln_2(x))
    embedding = clip.network.visual.ln_post(x)[:, 0] @ clip.network.visual.proj
    F.cosine_similarity(embedding, text[None]).sum().backward()
    patches = (weights.grad * weights).clamp(min=0).mean(dim=1)[0, 0, 1:].reshape(4, 4).detach()
    spread = F.interpolate(patches[None, None], size=(32, 32), mode="bilinear")
    expected = (spread - spread.min()) / (spread.max() - spread.min())
    assert torch.allclose(relevancy(clip, image, text), expected, atol=1e-4)


# Draws


def test_variants_of_the_input_keep_within_their_ranges_and_repeat_with_the_seed():
    variants, image = InputVariants(AUGMENTATION), rand(1, 3, 100, 100)
    with seeded(0, "a"):
        many = [variants(image) for _ in range(30)]
    with seeded(0, "a"):
        assert all(torch.equal(variants(image), one) for one in many)
    sides = [one.shape[-1] for one in many]
    assert variants.least_side(100) == 68
    assert min(sides) >= 68 and max(sides) <= 120 and len(set(sides)) > 10
    assert all(one.min() >= 0 and one.max() <= 1 for one in many)


def test_clip_views_have_clips_size_differ_and_carry_gradients():
    image = rand(1, 3, 50, 50).requires_grad_()
    with seeded(0):
        views = ClipViews(Views(count=5, crop=0.6), side=32)(image)
    assert views.shape == (5, 3, 32, 32)
    assert not torch.equal(views[0], views[1])
    views.sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0


def test_drawing_leaves_torchs_own_generator_as_it_was():
    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt), seeded(0, "x"):
        torch.rand(3)
        raise KeyboardInterrupt
    assert torch.equal(torch.get_rng_state(), before)


def test_templates_take_a_noun_phrase_and_are_drawn_from_one_to_all():
    assert len(templates.TEMPLATES) == 14
    assert templates.phrase("A photo of a sitting dog.") == "sitting dog"
    assert templates.phrase("A person in a red shirt raising both arms.") == "person in a red shirt raising both arms"
    assert templates.phrase("Two dogs") == "Two dogs"
    assert templates.phrase("The photo of.") and templates.phrase("...") == "..."
    assert templates.fill(("a {}.", "{}!"), "{dog}") == ["a {dog}.", "{dog}!"]
    with seeded(0):
        draws = [templates.draw(14) for _ in range(300)]
    assert {len(d) for d in draws} == set(range(1, 15))
    assert {int(i) for d in draws for i in d} == set(range(14))


# Optimiser and settings


def test_madgrad_does_what_its_paper_says():
    """Algorithm 1 of arXiv 2101.11075, with L2 weight decay; the package adds eps to the rate."""
    lr, momentum, decay, eps = 0.05, 0.9, 0.01, 1e-6
    x = x0 = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    s = v = torch.zeros(3, dtype=torch.float64)
    parameter = torch.nn.Parameter(x.clone())
    optimizer = MADGRAD([parameter], lr=lr, momentum=momentum, weight_decay=decay)
    target = torch.tensor([3.0, 0.0, -1.0], dtype=torch.float64)
    for k in range(20):
        optimizer.zero_grad()
        (parameter - target).pow(4).sum().backward()
        optimizer.step()
        gradient = 4 * (x - target) ** 3 + decay * x
        weight = (lr + eps) * math.sqrt(k + 1)
        s, v = s + weight * gradient, v + weight * gradient**2
        z = x0 - s / (v ** (1 / 3) + eps)
        x = momentum * x + (1 - momentum) * z
        assert torch.allclose(parameter.data, x, rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0. It must be a whole number from 1"),
        ({"steps": 1.5}, "whole number"),
        ({"decay": 1.5}, "decay is 1.5. It must be a number from 0 to 1"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"speed": 1}, "It takes steps, lr"),
    ],
)
def test_a_wrong_setting_is_told(changes, message):
    good = {"steps": 2, "lr": 2.5e-3, "momentum": 0.9, "weight_decay": 0.01, "decay": 0.99, "min_lr": 1e-5}
    assert read(Optimisation, "optimisation", good).steps == 2
    with pytest.raises(UserError, match=message):
        read(Optimisation, "optimisation", good | changes)
