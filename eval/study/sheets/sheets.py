"""The sheets of a study in Mechanical Turk's format: template, batches, settings and instructions for the upload."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eval.study.design.definition import Session, Study
from eval.study.sheets.cost import StudyCost
from eval.study.sheets.mturk import SCREEN_COLUMNS, SESSION, STUDY, as_html, batch_columns, numbered
from tedbench.disk import writing
from tedbench.errors import UserError

IMAGES, TEMPLATE, SETTINGS, UPLOAD = "images", "template.html", "hit_settings.json", "UPLOAD.md"
BATCH = re.compile(r"batch_\d{3,}\.csv")
MOST_BYTES = 65_535
"""Largest size of a HIT's page, by Mechanical Turk's rule for an HTMLQuestion."""
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class SheetTexts:
    """Texts for raters besides the question.

    Attributes:
        title, description, keywords: of the task, on the platform.
        consent: shown before the first screen; an empty line begins a paragraph.
    """

    title: str
    description: str
    keywords: str
    consent: str


def render_template(study: Study, words: SheetTexts) -> str:
    """Return template.html: a fragment of a page, for the form that the platform puts around it."""
    screens = [screen.kind for screen in study.sessions[0].screens]
    environment = Environment(loader=PackageLoader("eval.study"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("screens.html.j2").render(
        title=_markup(words.title),
        consent=[_markup(paragraph.strip()) for paragraph in re.split(r"\n\s*\n", words.consent) if paragraph.strip()],
        question=_markup(study.question),
        ties=study.ties,
        practice=screens.count("practice"),
        places=[f"{place:02d}" for place in range(1, len(screens) + 1)],
    )


def _markup(text: str) -> Markup:
    return Markup(as_html(text))  # as safe as autoescaping, and free of placeholders


def row(study: Study, session: Session, url: str) -> dict[str, str]:
    """Return a session as a row of a batch.

    Args:
        study: the session's study.
        session: the session.
        url: prefix of the images' names.
    """
    cells = {STUDY: study.tag, SESSION: session.id}
    for place, s in enumerate(session.screens, 1):
        images = [url + name for name in (s.input_image, s.left_image, s.right_image)]
        values = dict(zip(SCREEN_COLUMNS, (s.id, as_html(s.target_text), *images), strict=True))
        cells.update({numbered(name, place): value for name, value in values.items()})
    return cells


def substitute(template: str, cells: dict[str, str]) -> str:
    """Return a HIT's page: every placeholder replaced by the raw cell, as Mechanical Turk and Turkle do.

    Raises:
        KeyError: the batch lacks a column that the template names.
    """
    return PLACEHOLDER.sub(lambda found: cells[found[1]], template)


def read_batches(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a public folder's batches, each with its file's name."""
    for path in sorted(path for path in folder.iterdir() if BATCH.fullmatch(path.name)):
        with open(path, encoding="utf-8", newline="") as file:
            yield from ((path.name, cells) for cells in csv.DictReader(file, strict=True))


def write_sheets(
    public: Path, study: Study, words: SheetTexts, cost: StudyCost, *, url: str | None, per_file: int
) -> None:
    """Write template.html, the batches and hit_settings.json.

    Args:
        public: folder, which holds ``images`` already.
        study: the study.
        words: texts besides the question.
        cost: for the reward.
        url: address of the images, ending in "/"; None writes relative ones.
        per_file: HITs in a batch.

    Raises:
        UserError: a HIT's page would be larger than Mechanical Turk takes.
    """
    template = render_template(study, words)
    rows = [row(study, session, url or f"{IMAGES}/") for session in study.sessions]
    largest = max(len(substitute(template, cells).encode()) for cells in rows)
    if largest > MOST_BYTES:
        raise UserError(
            f"A session's page has {largest} bytes, and Mechanical Turk takes {MOST_BYTES}. Give fewer screens or a shorter url."
        )
    with writing(public):
        (public / TEMPLATE).write_text(template, encoding="utf-8", newline="\n")
        for number, start in enumerate(range(0, len(rows), per_file), 1):
            with open(public / f"batch_{number:03d}.csv", "w", encoding="utf-8", newline="") as file:
                columns = batch_columns(len(study.sessions[0].screens))
                writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
                writer.writeheader()
                writer.writerows(rows[start : start + per_file])
        settings = json.dumps(hit_settings(study, words, cost), indent=2, ensure_ascii=False)
        (public / SETTINGS).write_text(settings + "\n", encoding="utf-8")


def hit_settings(study: Study, words: SheetTexts, cost: StudyCost) -> dict[str, Any]:
    """Return the settings under the names of the API's CreateHIT; the qualifications are Mechanical Turk's own."""
    return {
        "Title": words.title,
        "Description": words.description,
        "Keywords": words.keywords,
        "Reward": f"{cost.reward:.2f}",
        "MaxAssignments": study.assignments,
        "AssignmentDurationInSeconds": 60 * cost.allotted_minutes,
        "LifetimeInSeconds": 14 * 24 * 3600,
        "AutoApprovalDelayInSeconds": 3 * 24 * 3600,
        "QualificationRequirements": [
            {
                "QualificationTypeId": "000000000000000000L0",
                "Comparator": "GreaterThanOrEqualTo",
                "IntegerValues": [95],
            },
            {
                "QualificationTypeId": "00000000000000000040",
                "Comparator": "GreaterThanOrEqualTo",
                "IntegerValues": [100],
            },
        ],
    }


def write_upload(public: Path, study: Study, cost: StudyCost, *, url: str | None, size: int) -> None:
    """Write UPLOAD.md: hosting, settings, price."""
    images = sorted((public / IMAGES).iterdir())
    length = images[0].stat().st_size
    environment = Environment(loader=PackageLoader("eval.study"), undefined=StrictUndefined, keep_trailing_newline=True)
    text = environment.get_template("UPLOAD.md.j2").render(
        sessions=len(study.sessions),
        screens=len(study.sessions[0].screens),
        batches=[path.name for path in sorted(public.glob("batch_*.csv"))],
        images=len(images),
        size=size,
        length=length,
        megabytes=length * len(images) / 1e6,
        session_megabytes=length * 3 * len(study.sessions[0].screens) / 1e6,
        url=url,
        example=f"{url or IMAGES + '/'}{images[0].name}",
        assignments=study.assignments,
        reward=f"{cost.reward:.2f}",
        minutes=f"{cost.minutes:.1f}",
        wage=f"{cost.wage:g}",
        allotted=cost.allotted_minutes,
        tag=study.tag,
    )
    with writing(public):
        (public / UPLOAD).write_text(text, encoding="utf-8")
