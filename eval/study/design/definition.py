"""The definition of a study: sessions, screens, the side of each method, and rules fixed before any answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tedbench.disk import writing
from tedbench.errors import UserError

ScreenKind = Literal["main", "repeat", "attention", "practice"]
Side = Literal["left", "right"]
FORMAT = 1
PUBLIC, PRIVATE = "public", "private"
"""Folders of a study: the files to upload, and the files that tell which method made which image."""
DEFINITION, SECRET = "definition.json", "secret"
"""Files in :data:`PRIVATE`."""


@dataclass(frozen=True)
class StudyMethod:
    """One of the methods that are compared.

    Attributes:
        name: for figures.
        run: the run's key, ``method-hash``, which stays when its folder moves.
        folder: of the run when the study was prepared.
        chosen_by: the rule that chose one image a pair, in words.
    """

    name: str
    run: str
    folder: str
    chosen_by: str


@dataclass(frozen=True)
class StudyEdit:
    """The image of a method for a pair, identified as in the run's scores.

    Attributes:
        pair_id, method, strength, seed: its key.
    """

    pair_id: str
    method: str
    strength: float
    seed: int


@dataclass(frozen=True)
class Screen:
    """One question to a rater: an input, a text and two edits.

    Attributes:
        id: opaque, unique in the study, keyed by its secret.
        pair_id, source_group, target_text: of the pair, as in the runs' samples.
        ours: name of the first method. If every method meets every other: the one that comes first in the study.
            If ``kind`` is attention: the method of both options.
        opponent: name of the other method.
        ours_side: side of the image of ``ours``. If ``kind`` is attention: side of the right answer, for the other
            option is an edit of another input.
        kind: only ``main`` counts as a preference. ``repeat`` is one of the session's main screens again with sides
            swapped: a consistent rater chooses the other side, or calls both a tie. ``attention`` has a right answer.
            ``practice`` comes first and does not count.
        repeat_of: id of the main screen that a repeat shows again, or "".
        input_image, left_image, right_image: file names in ``public/images``, new ones on every screen.
    """

    id: str
    pair_id: str
    source_group: str
    target_text: str
    ours: str
    opponent: str
    ours_side: Side
    kind: ScreenKind
    repeat_of: str
    input_image: str
    left_image: str
    right_image: str

    @property
    def opponent_side(self) -> Side:
        """The side that is not :attr:`ours_side`."""
        return "right" if self.ours_side == "left" else "left"


@dataclass(frozen=True)
class Session:
    """A fixed list of screens that a rater answers in one sitting: one HIT, answered by ``assignments`` raters.

    Attributes:
        id: opaque, like a screen's.
        screens: in the order shown.
    """

    id: str
    screens: tuple[Screen, ...]


@dataclass(frozen=True)
class Rules:
    """Rules that exclude submissions of a session as a whole, fixed before there are answers.

    Attributes:
        repeat_must_agree: exclude raters who prefer one image on a main screen and the other on its repeat (the paper's
            rule). A tie on one of the two and a side on the other is not a contradiction.
        attention_must_pass: exclude raters who do not choose the right side on every attention screen.
        min_seconds: exclude raters whose median time a screen (all kinds but practice) is shorter; without the page's
            times, those whose work time divided by the number of screens is. 0 excludes none.
    """

    repeat_must_agree: bool = True
    attention_must_pass: bool = True
    min_seconds: float = 1.0


@dataclass(frozen=True)
class Study:
    """A whole study.

    Attributes:
        dataset: label for figures; says so if images are synthetic.
        question: the question on each screen.
        ties: True if "no difference" is offered besides left and right.
        methods: the compared methods, ours first.
        all_against_all: True if every method met every other; otherwise the first met each of the others.
        rules: of exclusion.
        assignments: number of raters for each session.
        seed: the seed of the sessions' random draw.
        sessions: see :class:`Session`.
        edits: one for each method on each pair that is shown.
        left_out: the pairs that are not shown, and why.
    """

    dataset: str
    question: str
    ties: bool
    methods: tuple[StudyMethod, ...]
    all_against_all: bool
    rules: Rules
    assignments: int
    seed: int
    sessions: tuple[Session, ...]
    edits: tuple[StudyEdit, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        """sha256 of its content: 64 hex digits. Another side, rule or order is another study."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def tag(self) -> str:
        """The first 16 digits of :attr:`sha256`, in every row of the sheets, so that answers name their study."""
        return self.sha256[:16]

    def screens(self) -> Iterator[tuple[Session, Screen]]:
        """Yield all screens, session by session."""
        return ((session, screen) for session in self.sessions for screen in session.screens)

    def choices(self) -> tuple[str, ...]:
        """Return the possible answers: left, right and, if offered, tie."""
        return ("left", "right", "tie") if self.ties else ("left", "right")


def write_study(folder: Path, study: Study) -> None:
    """Write ``private/definition.json`` of a study's folder.

    Args:
        folder: of the study; created if needed.
        study: a valid one, see :func:`read_study`.
    """
    _check(study)
    path = folder / PRIVATE / DEFINITION
    content = {"format": FORMAT, "sha256": study.sha256, "study": asdict(study)}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_study(folder: Path) -> Study:
    """Read a study from its folder.

    Raises:
        UserError: there is none, it was changed after it was written, or it is not valid.
    """
    path = folder / PRIVATE / DEFINITION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(
            f"{folder} is not a study: it has no {PRIVATE}/{DEFINITION}. Give study= the folder that eval.study.prepare printed."
        ) from None
    except ValueError as error:
        raise _changed(path, str(error)) from None
    if not isinstance(content, dict) or content.keys() != {"format", "sha256", "study"}:
        raise _changed(path, "it has other keys than format, sha256 and study")
    if content["format"] != FORMAT:
        raise UserError(
            f"{path} has format {content['format']}, and this version reads {FORMAT}. Use the one it is of."
        )
    try:
        study: Study = _build(Study, content["study"], "study")
        _check(study)
    except ValueError as error:
        raise _changed(path, str(error)) from None
    if study.sha256 != content["sha256"]:
        raise _changed(path, "its content is not what its sha256 says")
    return study


def _changed(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} was changed after the study was prepared ({why}). Put back the file that was written then."
    )


def _build(kind: Any, value: Any, where: str) -> Any:
    """Convert a plain JSON value to a type; raise ValueError with its place if it does not fit."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_build(arguments[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {str(key): _build(arguments[1], each, f"{where}.{key}") for key, each in value.items()}
    if isinstance(kind, type) and not isinstance(kind, UnionType):
        if hasattr(kind, "__dataclass_fields__"):
            return _build_dataclass(kind, value, where)
        if type(value) is kind or (kind is float and type(value) is int):
            return value
    raise ValueError(f"{where} is {value!r}")


def _build_dataclass(kind: type, value: Any, where: str) -> Any:
    names = [each.name for each in fields(kind)]
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise ValueError(f"{where} has other fields than {', '.join(names)}")
    hints = get_type_hints(kind)
    return kind(**{name: _build(hints[name], value[name], f"{where}.{name}") for name in names})


def _check(study: Study) -> None:
    """Raise ValueError for a study that is not valid."""
    names = [method.name for method in study.methods]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"the methods are {names}")
    screens = [screen for _, screen in study.screens()]
    ids = [session.id for session in study.sessions] + [screen.id for screen in screens]
    images = [name for s in screens for name in (s.input_image, s.left_image, s.right_image)]
    for what, those in (("id", ids), ("image", images)):
        if len(set(those)) < len(those):
            raise ValueError(f"an {what} occurs twice")
    for session in study.sessions:
        main = {screen.id: screen for screen in session.screens if screen.kind == "main"}
        for screen in session.screens:
            if not {screen.ours, screen.opponent} <= set(names):
                raise ValueError(f"screen {screen.id} is of {screen.ours} and {screen.opponent}")
            first = main.get(screen.repeat_of)
            if screen.kind == "repeat" and (
                first is None
                or (first.pair_id, first.ours, first.opponent) != (screen.pair_id, screen.ours, screen.opponent)
                or first.ours_side == screen.ours_side
            ):
                raise ValueError(f"screen {screen.id} repeats none of its session with sides swapped")
            if screen.kind != "repeat" and screen.repeat_of:
                raise ValueError(f"screen {screen.id} is no repeat and has repeat_of")
