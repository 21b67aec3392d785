from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from picturebook.train.grow import grow


def unet(layers, channels=(8, 16)):
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=layers,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
    ).eval()


@pytest.mark.parametrize("layers", [1, (2, 1), (1, 2), (3, 2)])
def test_a_deeper_network_begins_as_a_copy(layers):
    small, large = unet(1), unet(layers)
    grow(small, large)
    x, t, states = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 8)
    with torch.no_grad():
        torch.testing.assert_close(large(x, t, states).sample, small(x, t, states).sample, atol=1e-5, rtol=1e-5)


def test_its_new_layers_learn():
    small, large = unet(1), unet((2, 1))
    grow(small, large)
    large(torch.randn(1, 4, 8, 8), torch.tensor([3]), torch.randn(1, 5, 8)).sample.square().sum().backward()
    assert large.down_blocks[0].resnets[1].conv2.weight.grad.abs().sum() > 0


def test_a_wider_network_is_refused():
    with pytest.raises(ValueError, match="more than their number of layers"):
        grow(unet(1), unet(1, channels=(16, 16)))
