"""``python -m imagic image=dog.jpg 'text="a sitting dog"'``: one picture, no benchmark."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from cli.command import command, resolved
from runtime.bars import open_bars
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.method import grid

ABOUT = """Edits one picture with Imagic and writes the strip of results along η as a PNG. The file is named after picture and
text (or with out=FILE). Repeating a command replaces its strip; the strip of another picture or text, and any other file,
is never written over."""

EXAMPLES = """
python -m imagic image=dog.jpg text="a sitting dog" model=sd15
python -m imagic image=scene.png text="A bird, spreading wings." 'strengths=[0,0.5,0.8,1]' 'seeds=[0,1]'
"""


@command("imagic", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Write the strip and print its path."""
    for key in ("image", "text"):
        if OmegaConf.is_missing(cfg, key) or not str(cfg[key] or "").strip():
            raise UserError(
                f'{key} is empty. A command needs both: python -m imagic image=dog.jpg text="a sitting dog".'
            )
    from imagic.strip_file import default_file, require_own, save_strip, strip_of

    image, target_text = Path(str(cfg.image)), str(cfg.text)
    out = Path(str(cfg.out)) if cfg.out else default_file(image, target_text)
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise UserError(f"{out} cannot be written: its folder does not exist, or it is one. Give another out.")
    plain = resolved(cfg)
    grid(plain["strengths"], plain["seeds"])

    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TimeElapsedColumn

    from imagic.api import build_editor, describe_editor, open_pair
    from imagic.errors import DivergedError
    from imagic.models.batched import batch_size
    from imagic.models.device import multiply_exactly, settle
    from imagic.models.synthetic import is_synthetic
    from imagic.strip import draw_strip

    whose = strip_of(read_image(image), target_text)
    require_own(out, whose)
    requests = describe_editor(plain).requests(plain["strengths"], plain["seeds"], where="")
    device, _ = settle(plain["numerics"])
    plain["numerics"]["sample_batch"] = batch_size(plain["numerics"]["sample_batch"], len(requests))
    editor = build_editor(plain, device)
    pair = open_pair(image, target_text, plain["model"]["image_size"])
    bars = open_bars("{task.description:<12}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    stages: dict[str, TaskID] = {}

    def progress(stage: str, step: int, steps: int) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(stage, total=steps)
        bars.update(stages[stage], completed=step)

    try:
        with bars, editor.fit(pair, progress) as edit:
            samples = list(edit.sample(requests, progress))
    except DivergedError as error:
        raise UserError(f"Imagic did not converge on {image}: {error}.") from None
    finally:
        multiply_exactly()
    text = pair.target_text + (" – Picturebook (synthetic)" if is_synthetic(plain["model"]) else "")
    save_strip(draw_strip(pair.image, samples, text, label=editor.axis.label), out, whose)
    print(out)


if __name__ == "__main__":
    main()
