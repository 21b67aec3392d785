"""The autoencoder: images of 64² to latents of 16² × 6, a diffusers AutoencoderKL."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import nn

from picturebook.train.data import to_model_space, training_pictures, training_scenes
from picturebook.train.leaves import leaf_pictures
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16, keep_group_norms

SCENES = 16_000
LEAVES = 6_000
"""Number of images of dead leaves in the training set, so that photographs are reconstructed too."""
HELD_OUT = 128
"""Number of scenes, and of leaves, whose errors are told in the log."""
KL_WEIGHT = 1e-4


def new_autoencoder() -> AutoencoderKL:
    """Return an untrained autoencoder: 0.9 million parameters, a factor of 4."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 64),
        layers_per_block=1,
        latent_channels=6,
        norm_num_groups=16,
        sample_size=64,
    )


def load_autoencoder(folder: Path) -> AutoencoderKL:
    """Load the autoencoder that this training or the diffusion model's wrote into ``folder``."""
    found = next(path for path in (folder / "vae", folder / "diffusion" / "vae") if path.is_dir())
    return AutoencoderKL.from_pretrained(found, torch_dtype=torch.float32)


def psnr(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the PSNR of each image, in dB, for tensors in [-1, 1]."""
    return -10 * torch.log10(((a - b) / 2).square().mean(dim=(1, 2, 3)))


def _edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def main(
    out: Path, steps: int = 4000, batch: int = 16, lr: float = 2e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the autoencoder and write ``out/vae``.

    With ``start`` only the decoder of the one there is trained further: the diffusion model's latents stay the same.
    """
    torch.manual_seed(seed)
    pictures = torch.cat([training_pictures(training_scenes(SCENES)), leaf_pictures(LEAVES)])
    held_out = to_model_space(training_pictures(training_scenes(HELD_OUT, seed=1)))
    leaves = to_model_space(leaf_pictures(HELD_OUT, first=LEAVES))
    vae = (load_autoencoder(start) if start else new_autoencoder()).to(memory_format=torch.channels_last)
    if start:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    keep_group_norms(vae)

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        x = to_model_space(pictures[torch.randint(len(pictures), (batch,), generator=rng)])
        posterior = vae.encode(x).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=rng)
        with bfloat16():
            back = vae.decode(posterior.mean + posterior.std * noise).sample.float()
        edges = sum((a - b).abs().mean() for a, b in zip(_edges(back), _edges(x), strict=True))
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
        return (back - x).abs().mean() + 4 * (back - x).square().mean() + 0.5 * edges + KL_WEIGHT * kl

    @torch.no_grad()
    def save(average: nn.Module, step: int) -> None:
        assert isinstance(average, AutoencoderKL)
        kept = copy.deepcopy(average).eval()
        latents = kept.encode(held_out).latent_dist.mean
        found = psnr(kept.decode(latents).sample, held_out).mean()
        texture = psnr(kept.decode(kept.encode(leaves).latent_dist.mean).sample, leaves).mean()
        print(
            f"step {step}: held-out PSNR {found:.2f} dB, of dead leaves {texture:.2f}, latent std {latents.std():.3f}"
        )
        if not start:
            kept.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
        kept.half().save_pretrained(out / "vae")

    train(vae, loss_at, steps=steps, lr=lr, seed=seed, save=save, save_every=400, log=out / "autoencoder.jsonl")
