"""Assembly of a study: drawn screens get opaque ids and each image on each screen a file name of its own."""

from __future__ import annotations

from collections.abc import Sequence

from eval.study.design.definition import Rules, Screen, Session, Study
from eval.study.design.images import FORMATS, Format, opaque
from eval.study.design.material import INPUT, StudyMaterial
from eval.study.design.screens import DrawnScreen


def assemble(
    material: StudyMaterial,
    drawn: Sequence[Sequence[DrawnScreen]],
    *,
    question: str,
    ties: bool,
    rules: Rules,
    assignments: int,
    seed: int,
    format: Format,
    secret: bytes,
) -> tuple[Study, dict[str, bytes]]:
    """Return a study and its image files.

    Args:
        material: pairs and images.
        drawn: sessions of screens, see :func:`eval.study.design.screens.draw_sessions`.
        question, ties, rules, assignments, seed: see :class:`eval.study.design.definition.Study`.
        format: of the material's files.
        secret: keys all ids and names.

    Returns:
        The study, and encoded images by name.
    """
    files: dict[str, bytes] = {}

    def name(pair_id: str, method: str, *place: str | int) -> str:
        file = f"{opaque(secret, 'image', *place)}.{FORMATS[format]}"
        files[file] = material.files[pair_id, method]
        return file

    sessions = []
    for number, screens in enumerate(drawn):
        ids = [opaque(secret, "screen", number, place) for place in range(len(screens))]
        built = []
        for place, (id, d) in enumerate(zip(ids, screens, strict=True)):
            other = d.foreign or d.pair
            ours = name(d.pair.pair_id, d.ours, number, place, "first")
            theirs = name(other.pair_id, d.opponent, number, place, "second")
            left, right = (ours, theirs) if d.ours_side == "left" else (theirs, ours)
            group, text = material.about[d.pair.pair_id]
            built.append(
                Screen(
                    id,
                    d.pair.pair_id,
                    group,
                    text,
                    d.ours,
                    d.opponent,
                    d.ours_side,
                    d.kind,
                    "" if d.repeat_of is None else ids[d.repeat_of],
                    name(d.pair.pair_id, INPUT, number, place, "input"),
                    left,
                    right,
                )
            )
        sessions.append(Session(opaque(secret, "session", number), tuple(built)))
    study = Study(
        material.dataset,
        question,
        ties,
        material.methods,
        material.all_against_all,
        rules,
        assignments,
        seed,
        tuple(sessions),
        material.edits,
        material.left_out,
    )
    return study, files
