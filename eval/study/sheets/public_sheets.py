"""A study's public folder for a server: the template and the sessions, with images of the server's own."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from eval.study.sheets.mturk import CHOICE, numbered
from eval.study.sheets.sheets import IMAGES, SETTINGS, TEMPLATE, read_batches, substitute
from tedbench.errors import UserError

PICTURES = ("input_", "left_", "right_")
"""Prefixes of the columns of addresses."""
_SCREEN = re.compile(r'<section class="screen" data-place="(\d+)">.*?</section>\n?', re.DOTALL)


class PublicSheets(NamedTuple):
    """The public part of a study.

    Attributes:
        images: folder of the images.
        template: see :func:`eval.study.sheets.sheets.render_template`.
        rows: a session each, see :func:`eval.study.sheets.sheets.row`; addresses of images are ``/images/NAME``.
    """

    images: Path
    template: str
    rows: list[dict[str, str]]

    def screens(self, cells: dict[str, str]) -> list[str]:
        """Return the ids of a session's screens, in order."""
        names = (numbered("screen", place) for place in range(1, 100))
        return [cells[name] for name in names if name in cells]

    def pictures(self) -> set[str]:
        """Return the names of all images that are shown."""
        return {v.rpartition("/")[2] for cells in self.rows for k, v in cells.items() if k.startswith(PICTURES)}

    def choices(self) -> set[str]:
        """Return the possible answers: the values of the first screen's radios."""
        return set(re.findall(rf'name="{numbered(CHOICE, 1)}" value="(\w+)"', self.template))

    def without(self, places: Collection[int]) -> str:
        """Return the template without some screens, by place from 1."""
        return _SCREEN.sub(lambda screen: "" if int(screen[1]) in places else screen[0], self.template)

    def assignments(self) -> int:
        """Return the number of raters for each session.

        Raises:
            UserError: hit_settings.json does not say.
        """
        try:
            return int(json.loads((self.images.parent / SETTINGS).read_text(encoding="utf-8"))["MaxAssignments"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{self.images.parent / SETTINGS} cannot be read. Give assignments=NUMBER.") from None


def read_sheets(public: Path) -> PublicSheets:
    """Read the sheets in a public folder.

    Raises:
        UserError: it has no template, or no batch that fits it.
    """
    try:
        template = (public / TEMPLATE).read_text(encoding="utf-8")
        rows = [_local(cells) for _, cells in read_batches(public)]
    except OSError:
        raise UserError(f"{public} is not a study's. Give study= the folder that eval.study.prepare printed.") from None
    try:
        for cells in rows[:1]:
            substitute(template, cells)
    except KeyError as error:
        raise UserError(f"{public}: the batches have no column {error} of the template. Prepare it again.") from None
    if not rows:
        raise UserError(f"{public} has no batch with a session. Prepare the study again.")
    return PublicSheets(public / IMAGES, template, rows)


def _local(cells: dict[str, str]) -> dict[str, str]:
    """Return a row with this server's addresses of images in place of the final ones."""
    return {k: f"/{IMAGES}/{v.rpartition('/')[2]}" if k.startswith(PICTURES) else v for k, v in cells.items()}


def allowed(page: str, nonce: str) -> str:
    """Add a nonce to a session's page so that :func:`policy` lets its style and script run."""
    for tag in ("style", "script"):
        page = page.replace(f"<{tag}>", f'<{tag} nonce="{nonce}">', 1)
    return page


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy of a page: its own images, styles and scripts, and nothing else."""
    return (
        f"default-src 'none'; img-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
