"""Editing pipelines of diffusers as a method: an image and a text in, an edited image out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from baselines.told import needs_of, told
from imagic.models.editing_pipeline import EditingPipeline, call_arguments, require_arguments
from tedbench.axis import Axis, argument_axis
from tedbench.errors import PairError, UserError
from tedbench.geometry import Returned, brought_back
from tedbench.method import Description, Edit, Editor, NeedsIf, Progress, Randomness, Sample, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import checked_block


class PipelineEditor(Editor):
    """Call a diffusers pipeline for each image, with a generator of its own on the CPU.

    The strength is one of the call's arguments, or there is none. Images come back in any size and are brought to the pair's
    square; sizes are recorded. An image that the pipeline's safety checker has replaced fails.
    """

    axis: ClassVar[Axis] = argument_axis(None)
    needs_if: ClassVar[NeedsIf] = {"text": {"instruction": ("instruction",)}}
    randomness: ClassVar[Randomness] = "sample"

    def __init__(
        self,
        model: EditingPipeline,
        *,
        text: str = "instruction",
        call: Mapping[str, Any] | None = None,
        invert: Mapping[str, Any] | None = None,
        axis: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        """
        Args:
            model: the pipeline.
            text: what it is told: "instruction", "target_text", or a template with the names of a pair's fields in braces,
                such as "Change the image so that it shows: {target_text}".
            call: arguments of its call.
            invert: arguments of its ``invert``, for a pipeline that takes the image there.
            axis: ``argument``, the name of the call's argument that is the strength, or None, and its default ``values``.
            seed: of the whole run; every draw derives from it and the pair.

        Raises:
            UserError: the call has no such argument, or the model is no pipeline.
        """
        if not isinstance(model, EditingPipeline):
            raise UserError(f"method=pipeline calls an editing pipeline, and {model.name} is none. Give model=ip2p.")
        self.model, self.text, self.seed = model, text, seed
        self.call, self.invert, strength = dict(call or {}), dict(invert or {}), _axis(axis)
        self.needs, self.argument = needs_of(text), strength["argument"]
        self.axis = argument_axis(strength)  # type: ignore[misc]
        _check(type(model.pipeline), model.inverts, {"call": self.call, "invert": self.invert, "axis": strength})

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        text = settings.get("text", "instruction")
        return replace(
            super().describe(settings), axis=argument_axis(_axis(settings.get("axis"))), needs=needs_of(text)
        )

    @classmethod
    def check_setup(cls, settings: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """Refuse arguments that the pipeline does not take, as soon as its class is known.

        Raises:
            UserError: says the argument.
        """
        if (kind := EditingPipeline.kind(model) if "arguments" in model else None) is not None:
            names = call_arguments(model["arguments"], kind)
            _check(kind, names["invert"], {**settings, "axis": _axis(settings.get("axis"))})

    @property
    def evaluations(self) -> int:
        return self.model.evaluations

    def fit(self, pair: EditPair, progress: Progress = silent) -> PipelineEdit:
        """Write the text; nothing is trained.

        Raises:
            PairError: the pair lacks a field of the text.
        """
        self.require(pair.entry)
        self.model.require_size(pair)
        return PipelineEdit(self, pair, told(self.text, pair))


class PipelineEdit(Edit):
    """A pair and its text.

    Attributes:
        told: the text.
    """

    def __init__(self, editor: PipelineEditor, pair: EditPair, told: str) -> None:
        self._editor, self._pair, self.told = editor, pair, told
        self._returned: dict[tuple[float, int], Returned] = {}

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the images.

        Raises:
            PairError: the pipeline raised an error, returned no image, or blocked it.
        """
        editor, side = self._editor, self._pair.image.shape[0]
        for number, (strength, seed) in enumerate(requests):
            call = editor.call | ({editor.argument: strength} if editor.argument else {})
            rng = generator(editor.seed, self._pair.id, "pipeline", seed)
            found = editor.model.edit(self._pair.image, self.told, call, rng, editor.invert)
            if found.blocked:
                raise PairError("the pipeline's safety checker replaced the image")
            image, self._returned[strength, seed] = brought_back(found.image, side)
            yield Sample(strength, seed, image)
            progress("sampling", number + 1, len(requests))

    def returned(self) -> dict[tuple[float, int], Returned]:
        return self._returned


def _check(kind: Any, inverts: bool, settings: Mapping[str, Any]) -> None:
    """Refuse arguments that a pipeline does not take.

    Args:
        kind: the pipeline's class.
        inverts: True if its ``invert`` takes the image.
        settings: ``call``, ``invert`` and ``axis``.
    """
    require_arguments(kind, list(settings.get("call") or {}), "recipe.pipeline.call")
    if given := list(settings.get("invert") or {}):
        if not inverts:
            raise UserError("recipe.pipeline.invert is for a pipeline that inverts (model.arguments.invert=true).")
        require_arguments(kind, given, "recipe.pipeline.invert", "invert")
    if argument := settings["axis"]["argument"]:
        require_arguments(kind, [argument], "recipe.pipeline.axis.argument")


def _axis(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    blank: dict[str, Any] = {"argument": None, "values": []}
    return checked_block("recipe.pipeline.axis", settings or blank, argument=str | None, values=Sequence[float])
