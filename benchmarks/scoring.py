"""``python -m benchmarks.scoring FOLDER [SOURCES]``: images scored per second, against two plain implementations.

CLIP score (ViT-B/32) and LPIPS (AlexNet, 512²) of edits along eleven strengths of each image in FOLDER (TEdBench's
originals), by

1. eval/metrics: input and text features once, images in batches;
2. torchmetrics' ``forward``, image by image;
3. a loop over images with the open_clip and lpips packages; also as if it encoded each text once.

The networks have their real sizes and random weights, the same for all three, so that the scores can be compared too.
The edits are cross-fades from one image to the next: speed does not depend on the contents of an image.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from eval.engine.memory import peak_memory
from runtime.output import safe_output
from tedbench.image import read_image, square

SIZE = 512
STRENGTHS = np.linspace(0, 1, 11)
MODEL = "ViT-B-32-quickgelu"
TEXT = "A photo of a dog that has become picture number {}."

BothScores = tuple[np.ndarray, np.ndarray]
"""Cosines and distances of one image's edits, (N,) each."""


class Ours:
    """Scores with eval/metrics."""

    def __init__(self, clip: Path) -> None:
        from eval.metrics.base import Reference
        from eval.metrics.clip_score import ClipScore
        from eval.metrics.lpips_distance import LpipsDistance

        self._reference, self._clip, self._lpips = Reference, ClipScore(str(clip)), LpipsDistance("alex", SIZE)

    def __call__(self, source: np.ndarray, text: str, images: np.ndarray) -> BothScores:
        reference = self._reference(source, text)
        return self._clip.score(reference, images), self._lpips.score(reference, images)


class Torchmetrics:
    """Scores with torchmetrics' CLIPScore and LearnedPerceptualImagePatchSimilarity, called for each image."""

    def __init__(self, clip: Path) -> None:
        from torchmetrics.image import LearnedPerceptualImagePatchSimilarity
        from torchmetrics.multimodal import CLIPScore

        from benchmarks.transformers_clip import as_transformers

        model, processor = as_transformers(clip)
        self._clip = CLIPScore(lambda: (model, processor))
        self._lpips = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)

    @torch.no_grad()
    def __call__(self, source: np.ndarray, text: str, images: np.ndarray) -> BothScores:
        original = channels_first(source)[None].float() / 255
        cosines, distances = [], []
        for image in map(channels_first, images):
            cosines.append(self._clip(image, text).item() / 100)
            distances.append(self._lpips(original, image[None].float() / 255).item())
        return np.array(cosines), np.array(distances)


class PlainLoop:
    """Scores with the open_clip and lpips packages, image by image; ``text_seconds`` is the time for encoding texts."""

    def __init__(self, clip: Path) -> None:
        import lpips
        import open_clip

        self._model, self._preprocess = open_clip.create_model_from_pretrained(f"local-dir:{clip}")
        self._model.eval()
        self._tokenize = open_clip.get_tokenizer(f"local-dir:{clip}")
        self._lpips = lpips.LPIPS(net="alex", verbose=False)
        self.text_seconds = 0.0

    @torch.no_grad()
    def __call__(self, source: np.ndarray, text: str, images: np.ndarray) -> BothScores:
        cosines, distances = [], []
        for image in images:
            start = time.perf_counter()
            wanted = self._model.encode_text(self._tokenize([text]), normalize=True)
            self.text_seconds += time.perf_counter() - start
            shown = self._model.encode_image(self._preprocess(Image.fromarray(image))[None], normalize=True)
            cosines.append((shown @ wanted.T).item())
            pair = [channels_first(i)[None] / 127.5 - 1 for i in (source, image)]
            distances.append(self._lpips(*pair).item())
        return np.array(cosines), np.array(distances)


def channels_first(image: np.ndarray) -> torch.Tensor:
    """Return (3, H, W) uint8."""
    return torch.from_numpy(image).permute(2, 0, 1)


def main() -> None:
    folder = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with random_weights() as clip:
        ways = {"eval.metrics": Ours(clip), "torchmetrics": Torchmetrics(clip), "plain loop": PlainLoop(clip)}
        seconds, apart, memory = dict.fromkeys(ways, 0.0), np.zeros(2), 0.0
        for number, (source, text, images) in enumerate(islice(edits(folder), count + 1)):
            found = {}
            for name, way in sorted(ways.items(), key=lambda item: (number + len(item[0])) % len(ways)):
                start = time.perf_counter()
                found[name] = way(source, text, images)
                seconds[name] += time.perf_counter() - start
            apart = np.maximum(apart, distance(found["eval.metrics"], found["plain loop"]))
            if number == 0:  # the first round is for warming up
                seconds, ways["plain loop"].text_seconds = dict.fromkeys(ways, 0.0), 0.0
                apart_torchmetrics = distance(found["eval.metrics"], found["torchmetrics"])
                memory = peak_memory()["peak_process_gib"]
            else:
                so_far = ", ".join(f"{name} {spent / seconds['eval.metrics']:.2f}×" for name, spent in seconds.items())
                print(f"{number} of {count} pictures: {so_far}", file=sys.stderr, flush=True)
    images = count * len(STRENGTHS)
    print(f"{count} pictures × {len(STRENGTHS)} strengths at {SIZE}², {torch.get_num_threads()} thread(s)")
    once = seconds["plain loop"] - ways["plain loop"].text_seconds * (1 - 1 / len(STRENGTHS))
    for name, spent in {**seconds, "plain loop, each text once": once}.items():
        print(f"{name:<28} {images / spent:6.2f} images/s   {spent / seconds['eval.metrics']:5.2f}× the time of ours")
    print(f"largest differences to the plain loop: CLIP score {apart[0]:.1e}, LPIPS {apart[1]:.1e}")
    print(f"to torchmetrics: CLIP score {apart_torchmetrics[0]:.1e} (its resizing), LPIPS {apart_torchmetrics[1]:.1e}")
    print(f"peak memory: {memory:.2f} GiB after one picture, {peak_memory()['peak_process_gib']:.2f} GiB after {count}")


def distance(ours: BothScores, theirs: BothScores) -> np.ndarray:
    return np.array([np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True)])


def edits(folder: Path) -> Iterator[tuple[np.ndarray, str, np.ndarray]]:
    """Yield images, texts and eleven edits of each, endlessly; no text is repeated."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png"))
    number = 0
    while True:
        source, other = (square(read_image(files[k % len(files)]), SIZE) for k in (number, number + 1))
        faded = [source * (1 - s) + other * s for s in STRENGTHS]
        yield source, TEXT.format(number), np.stack(faded).round().astype(np.uint8)
        number += 1


@contextmanager
def random_weights() -> Iterator[Path]:
    """Write an open_clip folder of :data:`MODEL`, and torchvision's AlexNet into torch's cache."""
    import open_clip
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        clip, checkpoints = Path(folder, "clip"), Path(folder, "hub", "checkpoints")
        clip.mkdir()
        checkpoints.mkdir(parents=True)
        config = {"model_cfg": open_clip.get_model_config(MODEL), "preprocess_cfg": {}}
        (clip / "open_clip_config.json").write_text(json.dumps(config))
        save_file(open_clip.create_model(MODEL).state_dict(), clip / "open_clip_model.safetensors")
        alexnet = Path(torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url).name
        torch.save(torchvision.models.alexnet().state_dict(), checkpoints / alexnet)
        os.environ["TORCH_HOME"] = folder
        yield clip


if __name__ == "__main__":
    with safe_output():
        main()
