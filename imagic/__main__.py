"""``python -m imagic image=dog.jpg 'text="a sitting dog"'``: one picture, no benchmark."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from conf.command import command
from tedbench.errors import UserError

ABOUT = "Edits one picture with Imagic and writes the strip of results along η as a PNG."

EXAMPLES = """
python -m imagic image=dog.jpg 'text="a sitting dog"' model=sd15
python -m imagic image=scene.png 'text="A bird spreading wings."' 'strengths=[0,0.5,0.8,1]' 'seeds=[0,1]'
"""


@command("imagic", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Writes the strip and prints where it is."""
    if not str(cfg.text).strip():
        raise UserError('The text is empty. Give text="what the picture should show".')
    out = Path(cfg.out) if cfg.out else Path(f"{Path(cfg.image).stem}-imagic.png")
    if not out.absolute().parent.is_dir():
        raise UserError(f"The folder of {out} does not exist. Make it, or give another out.")

    from tqdm import tqdm

    from imagic.api import from_config, open_pair
    from imagic.strip import draw_strip
    from tedbench.image import read_image
    from tedbench.method import grid

    read_image(cfg.image)
    editor = from_config(cfg)
    pair = open_pair(cfg.image, str(cfg.text), editor.image_size)
    bars: dict[str, tqdm] = {}

    def progress(stage: str, step: int, steps: int) -> None:
        if stage not in bars:
            bars[stage] = tqdm(total=steps, desc=f"{stage:<12}", unit="step")
        bars[stage].update(step - bars[stage].n)
        if step == steps:
            bars[stage].close()

    with editor.fit(pair, progress) as edit:
        samples = list(edit.sample(grid(list(cfg.strengths), list(cfg.seeds)), progress))
    draw_strip(pair.image, samples, pair.target_text).save(out, format="PNG")
    print(out)


if __name__ == "__main__":
    main()
