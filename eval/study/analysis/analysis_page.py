"""The page report.html of a study's answers, in one file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from eval.study.analysis.figure import NAME
from eval.study.answers.exclusions import RULES, UNUSABLE
from eval.study.answers.superseded import ROW_ORDER
from eval.study.design.definition import Study
from tedbench.disk import writing


def write_page(summary: dict[str, Any], study: Study, out: Path) -> None:
    """Write ``report.html`` beside ``preferences.png``, which it contains.

    Args:
        summary: see :func:`eval.study.analysis.analysis.with_metrics`.
        study: the study that was answered.
        out: the folder.
    """
    environment = Environment(loader=PackageLoader("eval.study"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"percent": percent, "interval": interval, "p": p_value, "signed": signed}
    page = environment.get_template("analysis.html.j2").render(
        **summary,
        definition=study,
        why={**UNUSABLE, **RULES},
        row_order=ROW_ORDER,
        figure=base64.b64encode((out / f"{NAME}.png").read_bytes()).decode(),
    )
    with writing(out / "report.html"):
        (out / "report.html").write_text(page, encoding="utf-8")


def percent(share: float | None) -> str:
    """Format a share as "71.3%", or as a dash if there is none."""
    return "–" if share is None else f"{100 * share:.1f}%"


def interval(row: dict[str, Any], kind: str = "") -> str:
    """Format ``low`` and ``high`` of an entry (or ``wilson_low`` and ``wilson_high``) as "65.0–77.1%"."""
    low, high = row[f"{kind}low"], row[f"{kind}high"]
    return "–" if low is None else f"{100 * low:.1f}–{100 * high:.1f}%"


def p_value(p: float | None) -> str:
    """Format a p-value as "0.012", small ones as a bound."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def signed(number: float | None) -> str:
    """Format a number with its sign: "+0.31"."""
    return "–" if number is None else f"{number:+.2f}".replace("-", "−")
