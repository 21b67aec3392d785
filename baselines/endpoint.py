"""An image-editing service as a method: OpenAI's protocol, by which hosted models and one's own server are asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from baselines.edit_service import EditService
from baselines.service_terms import Terms, check_service
from baselines.told import needs_of, told
from tedbench.axis import Axis, argument_axis
from tedbench.errors import UserError
from tedbench.geometry import Returned, brought_back
from tedbench.method import Description, Edit, Editor, Facts, NeedsIf, Progress, Randomness, Sample, silent
from tedbench.pair import EditPair
from tedbench.seeding import derive
from tedbench.settings import Natural, Positive, checked_block


class EndpointEditor(Editor):
    """Ask a service for each image, one at a time.

    The strength is one of the form's fields, or there is none. Images come back in any size and are brought to the pair's square.
    What the service says its model is stands in each pair's event; a service may change it at any time.
    """

    axis: ClassVar[Axis] = argument_axis(None)
    needs_if: ClassVar[NeedsIf] = {"text": {"instruction": ("instruction",)}}
    randomness: ClassVar[Randomness] = "sample"

    def __init__(
        self,
        *,
        url: str | None = None,
        model_name: str | None = None,
        terms: Mapping[str, Any] | None = None,
        text: str = "instruction",
        fields: Mapping[str, Any] | None = None,
        axis: Mapping[str, Any] | None = None,
        seed_field: str | None = None,
        seed: int = 0,
    ) -> None:
        """
        Args:
            url: of the protocol's root, such as "http://127.0.0.1:8600/v1".
            model_name: the name by which the service knows the model.
            terms: of its use, see :class:`baselines.service_terms.Terms`.
            text: what it is told, see :func:`baselines.told.told`.
            fields: further fields of the form, such as ``size`` or ``quality``.
            axis: ``argument``, the name of the field that is the strength, or None, and its default ``values``.
            seed_field: name of the field for a seed; None for a service that takes none, which is then asked anew for each seed.
            seed: of the whole run; every seed that is sent derives from it and the pair.

        Raises:
            UserError: see :func:`baselines.service_terms.check_service`.
        """
        self.text, self.fields, self.seed_field, self.seed = text, dict(fields or {}), seed_field, seed
        strength = _axis(axis)
        self.needs, self.argument = needs_of(text), strength["argument"]
        self.axis = argument_axis(strength)  # type: ignore[misc]
        self.service = EditService(url or "", model_name or "", _terms(terms))

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        text = settings.get("text", "instruction")
        return replace(
            super().describe(settings), axis=argument_axis(_axis(settings.get("axis"))), needs=needs_of(text)
        )

    @classmethod
    def check_setup(cls, settings: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """Refuse a service that cannot be reached with these settings, and a key that is not there.

        Raises:
            UserError: see :func:`baselines.service_terms.check_service`.
        """
        check_service(settings.get("url") or "", settings.get("model_name") or "", _terms(settings.get("terms")))

    def fit(self, pair: EditPair, progress: Progress = silent) -> EndpointEdit:
        """Write the text.

        Raises:
            PairError: the pair lacks a field of the text.
        """
        self.require(pair.entry)
        return EndpointEdit(self, pair, told(self.text, pair))


class EndpointEdit(Edit):
    """A pair and its text.

    Attributes:
        told: the text.
    """

    def __init__(self, editor: EndpointEditor, pair: EditPair, told: str) -> None:
        self._editor, self._pair, self.told = editor, pair, told
        self._returned: dict[tuple[float, int], Returned] = {}
        self._models: list[str] = []
        self._kept = 0

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the images.

        Raises:
            PairError, UserError: see :meth:`baselines.edit_service.EditService.edit`.
        """
        editor, side = self._editor, self._pair.image.shape[0]
        for number, (strength, seed) in enumerate(requests):
            fields = editor.fields | ({editor.argument: strength} if editor.argument else {})
            if editor.seed_field:
                fields[editor.seed_field] = derive(editor.seed, self._pair.id, "pipeline", seed)
            answer = editor.service.edit(self._pair.image, self.told, fields, seed)
            self._models.append(answer.model)
            self._kept += answer.cached
            image, self._returned[strength, seed] = brought_back(answer.image, side)
            yield Sample(strength, seed, image)
            progress("sampling", number + 1, len(requests))

    def returned(self) -> dict[tuple[float, int], Returned]:
        return self._returned

    def facts(self) -> Facts:
        said = sorted({model for model in self._models if model})
        return Facts(service_models=said, kept_answers=self._kept) if self._models else Facts()


def _terms(settings: Mapping[str, Any] | None) -> Terms:
    if settings is None:
        raise UserError("method.terms is missing. It has the key's name, retries, limits and the folder of answers.")
    kinds: dict[str, Any] = {"key": str | None, "retries": Natural, "timeout": Positive, "per_minute": Positive | None}
    kinds |= {"price": Positive | None, "most_cost": Positive | None, "answers": str}
    return Terms(**checked_block("method.terms", settings, **kinds))


def _axis(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    blank: dict[str, Any] = {"argument": None, "values": []}
    return checked_block("method.axis", settings or blank, argument=str | None, values=Sequence[float])
