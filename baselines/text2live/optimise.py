"""Fitting the generator to one image and its texts, and rendering the layer (Text2LIVE, section 3.1)."""

from __future__ import annotations

import torch
from timm.optim import MADGRAD
from torch import Tensor

from baselines.text2live.augment import InputVariants
from baselines.text2live.generator import Generator
from baselines.text2live.layer import EditLayer
from baselines.text2live.objective import Objective
from baselines.text2live.settings import Augmentation, Optimisation, Shape
from imagic.errors import DivergedError
from tedbench.method import Progress, silent


def optimise_layer(
    image: Tensor,
    objective: Objective,
    *,
    shape: Shape,
    augmentation: Augmentation,
    optimisation: Optimisation,
    progress: Progress = silent,
) -> EditLayer:
    """Train a new generator and return the whole image's layer.

    All draws (initial weights, variants, views, templates) come from torch's own CPU generator: call it within
    :func:`tedbench.seeding.seeded`.

    Args:
        image: the input, (1, 3, H, W) in [0, 1].
        objective: of the pair.
        shape, augmentation, optimisation: blocks of the recipe.
        progress: called after each step.

    Returns:
        The layer of ``image``, without gradient.

    Raises:
        DivergedError: the loss or the layer is not finite.
    """
    generator = Generator(shape.scales, shape.width, shape.skip).to(image.device)
    settings = optimisation
    optimizer = MADGRAD(
        generator.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    variants = InputVariants(augmentation)
    for step in range(settings.steps):
        whole = [image] if step % augmentation.whole_every == 0 else []
        images = [variants(image), *whole]
        optimizer.zero_grad()
        loss = objective(images, [EditLayer.of(generator(variant)) for variant in images], step)
        if not torch.isfinite(loss):
            raise DivergedError(f"the loss became {loss.item()}; a smaller learning rate may help")
        loss.backward()
        optimizer.step()
        group = optimizer.param_groups[0]
        group["lr"] = max(settings.min_lr, settings.decay * group["lr"])
        progress("edit layer", step + 1, settings.steps)
    with torch.no_grad():
        rgba = generator(image)
    if not torch.isfinite(rgba).all():
        raise DivergedError("the edit layer has values that are not finite; a smaller learning rate may help")
    return EditLayer.of(rgba)
