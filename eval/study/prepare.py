"""``python -m eval.study.prepare 'runs=[OURS, OTHER]'``: a blind two-alternative study from saved runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omegaconf import DictConfig, OmegaConf

from cli.command import command
from tedbench.errors import UserError

if TYPE_CHECKING:
    from eval.study.design.definition import Study
    from eval.study.design.material import StudyMaterial
    from eval.study.design.screens import Sizes
    from eval.study.sheets.sheets import SheetTexts

ABOUT = """\
Makes a blind user study (two alternatives, forced choice) of saved runs, as in section 4.2 of the paper. A session has 20
screens: the input, the target text, and our edit beside another method's; one screen comes twice with sides swapped.
Sessions are drawn so that opponents and sides are even for every session and every pair. Writes a folder with

  public/    images under opaque names, batch_001.csv, ..., template.html, hit_settings.json, UPLOAD.md: to upload
  private/   definition.json, secret, prepare_report.html: which method made which image

and fails, writing nothing, if anything in public/ tells which method made an image."""

EXAMPLES = """
python -m eval.study.prepare 'runs=[runs/a, runs/b]' url=https://example.org/study/
python -m eval.study.prepare 'runs={imagic: runs/a, sdedit: runs/b, ddib: runs/c}' compare=all sessions=50 out=studies/first
python -m eval.study.preview study=study                                 # look at it as a rater does
"""

URL = re.compile(r"https?://[\w.~:%/-]+")
WHOLE = {
    "sessions": (1, 100_000),
    "screens": (1, 99),
    "attention": (0, 99),
    "practice": (0, 99),
    "assignments": (1, 10_000),
    "per_file": (1, 100_000),
    "size": (32, 4096),
    "seed": (0, 2**31),
}
"""Options that are whole numbers, with their minimum and maximum."""
CHOICES = {"compare": Literal["ours", "all"], "format": Literal["jpeg", "png"], "repeat": bool, "ties": bool}
"""Kinds of the options with a few possible values."""


@command("study_prepare", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_prepare.yaml`` has its options."""
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    check_options(options)
    consent = read_consent(options["consent"])

    from eval.study.design.screens import Sizes
    from eval.study.sheets.sheets import SheetTexts

    names = ("sessions", "screens", "repeat", "attention", "practice")
    words = SheetTexts(str(options["title"]), str(options["description"]), str(options["keywords"]), consent)
    prepare_study(options, Sizes(**{name: options[name] for name in names}), words)


def check_options(options: dict[str, Any]) -> None:
    """Check the options.

    Raises:
        UserError: an option has an impossible value; the message says what it may be.
    """
    from eval.study.options import number_option, whole_option
    from tedbench.settings import checked

    runs = options["runs"]
    folders = list(runs.values()) if isinstance(runs, dict) else runs
    if not isinstance(folders, list) or not folders or not all(isinstance(f, str | int | float) for f in folders):
        raise UserError(f"runs is {runs!r}. Give the runs' folders, ours first: 'runs=[runs/a, runs/b]'.")
    for name, (low, high) in WHOLE.items():
        if name != "size" or options[name] is not None:
            whole_option(options, name, low, high)
    for name in ("min_seconds", "wage", "seconds"):
        number_option(options, name, 0, 1e6)
    for name, kind in CHOICES.items():
        checked(name, options[name], kind)
    screens = options["screens"] + options["attention"] + options["practice"]
    if options["screens"] - options["repeat"] < 1 or screens > 99:
        raise UserError(
            "A session has at most 99 screens, and one at least besides the repeat. "
            "Give other screens, attention or practice."
        )
    if options["url"] is not None and not URL.fullmatch(str(options["url"])):
        raise UserError(f"url={options['url']} is no address of images. Give one such as https://example.org/study/.")


def read_consent(file: Any) -> str:
    """Return the consent text: the file's, or the one that comes with the project.

    Raises:
        UserError: the file cannot be read, or is empty.
    """
    path = Path(str(file)) if file is not None else Path(__file__).parent / "templates" / "consent.txt"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"consent={file} cannot be read. Give a text file in UTF-8.") from None
    if not text.strip():
        raise UserError(f"consent={file} is empty. Write what raters agree to.")
    return text


def prepare_study(options: dict[str, Any], sizes: Sizes, words: SheetTexts) -> Path:
    """Write the study to a temporary folder, and rename it to the final one if the leak scan finds nothing.

    Args:
        options: of ``conf/study_prepare.yaml``, checked.
        sizes: of the study.
        words: texts for raters.

    Returns:
        Its folder.

    Raises:
        UserError: the runs cannot be compared, the folder is taken, or something leaks.
    """
    import os
    import shutil

    from eval.study.design.material import gather_material

    out = Path(str(options["out"])).expanduser()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"out={out} is not empty: what raters may have seen is never overwritten. Give another out.")
    runs = options["runs"]
    material = gather_material(
        {str(name): str(folder) for name, folder in runs.items()} if isinstance(runs, dict) else list(map(str, runs)),
        all_against_all=options["compare"] == "all",
        size=options["size"],
        format=options["format"],
    )
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        study = write_all(beside, material, options, sizes, words)
        if out.exists():
            out.rmdir()
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    _tell(out, study, material, options)
    return out


def write_all(folder: Path, material: StudyMaterial, options: dict[str, Any], sizes: Sizes, words: SheetTexts) -> Study:
    """Draw the study and write every file of it.

    Raises:
        UserError: something in the public folder leaks.
    """
    import secrets

    from eval.study.design.assembly import assemble
    from eval.study.design.definition import PRIVATE, PUBLIC, SECRET, Rules, write_study
    from eval.study.design.images import write_images
    from eval.study.design.leaks import find_leaks, identifying_words
    from eval.study.design.screens import draw_sessions
    from eval.study.sheets.cost import StudyCost
    from eval.study.sheets.preparation import write_preparation
    from eval.study.sheets.sheets import IMAGES, write_sheets, write_upload
    from tedbench.disk import writing

    secret = secrets.token_bytes(32)
    study, files = assemble(
        material,
        draw_sessions(material.pairs, material.comparisons, sizes, options["seed"]),
        question=str(options["question"]),
        ties=options["ties"],
        rules=Rules(min_seconds=float(options["min_seconds"])),
        assignments=options["assignments"],
        seed=options["seed"],
        format=options["format"],
        secret=secret,
    )
    cost = StudyCost(
        options["wage"], options["seconds"], sizes.whole, sizes.sessions * study.assignments, study.assignments
    )
    url = None if options["url"] is None else f"{str(options['url']).rstrip('/')}/"
    public, private = folder / PUBLIC, folder / PRIVATE
    write_study(folder, study)
    with writing(private):
        private.chmod(0o700)
        (private / SECRET).write_text(secret.hex() + "\n")
    write_images(public / IMAGES, files, secret)
    write_sheets(public, study, words, cost, url=url, per_file=options["per_file"])
    write_upload(public, study, cost, url=url, size=material.size)
    leaks = find_leaks(public, study, material.words, url or f"{IMAGES}/")
    if leaks:
        more = f" (and {len(leaks) - 3} more)" if len(leaks) > 3 else ""
        raise UserError(f"The study would not be blind, so it is not kept: {'; '.join(leaks[:3])}{more}.")
    write_preparation(folder, study, material, cost, identifying_words(material.words))
    return study


def _tell(out: Path, study: Study, material: StudyMaterial, options: dict[str, Any]) -> None:
    """Print a summary and the next steps; the last line is the folder."""
    from eval.study.sheets.preparation import REPORT

    total = sum(1 for _ in study.screens())
    pairs = len(material.pairs)
    print(
        f"{len(study.sessions)} sessions, {total} screens, {pairs} of {pairs + len(study.left_out)} pairs; no leak found"
    )
    if study.left_out:
        pair_id, why = next(iter(study.left_out.items()))
        print(f"left out, such as {pair_id}: {why}")
    for note in material.notes:
        print(note)
    if options["url"] is None:
        print("The sheets have relative addresses: give url=https://… before you upload them.")
    print(f"read private/{REPORT} and public/UPLOAD.md; python -m eval.study.preview study={out}")
    print(out, flush=True)


if __name__ == "__main__":
    main()
