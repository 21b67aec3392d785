"""Prompt-to-Prompt (Hertz et al., arXiv 2208.01626) on real images, with a choice of four inversions."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.branches import TARGET
from baselines.inversion import InversionEditor, SourceEdit, paths
from baselines.local_blend import LocalBlend
from baselines.null_text import null_texts
from baselines.prompt_control import Kind, PromptControl, alignments, equal_words, require_own_layers
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.lockstep import Branch, sample_branches
from imagic.models.text import Text
from imagic.models.words import phrase_tokens
from tedbench.errors import PairError, UserError
from tedbench.method import Axis, Description, Edit, NeedsIf, Progress, needs_with, silent
from tedbench.pair import EditPair, Entry
from tedbench.settings import Amount, Count, Natural, Share, checked, checked_block

Inversion = Literal["direct", "ddim", "negative_prompt", "null_text"]
KEPT = 4
"""Number of images whose null texts are kept for further target texts."""


class P2P(InversionEditor):
    """Prompt-to-Prompt; its strength is 1 − τ, where τ is the part of the steps with the source's cross-attention.

    The input is inverted with DDIM under the source text. From x_T two branches are decoded in step with each other, the
    source's and the target's, and the target's attention maps are taken from the source's in the first τ of the steps.
    At strength 1 the target text is decoded without any control; 0 keeps as much as the method can, which is not the
    input itself.
    """

    needs: tuple[str, ...] = ("source_text",)
    needs_if: ClassVar[NeedsIf] = {"local_blend": {True: ("source_object", "target_object")}}
    axis = Axis("free", "1 − τ", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 3N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        control: Mapping[str, Any],
        null_text: Mapping[str, Any],
        inversion: Inversion = "direct",
        local_blend: bool = False,
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM, each way, and ``guidance`` of the target text.
            control: ``kind`` refine or replace; ``own``, the part of the steps with the source's self-attention as a share
                of τ; ``least_factor`` of the layers whose self-attention is replaced; ``reweight``, a factor of the
                target object's words; ``blend_factor`` of the layers whose maps a local blend is made of. See :class:`~baselines.prompt_control.PromptControl`.
            null_text: of inversion=null_text: ``iterations``, ``lr`` and ``threshold``, see
                :func:`~baselines.null_text.null_texts`.
            inversion: how the source branch is kept on the input: "direct" puts it back on the inversion at every step
                (Ju et al., arXiv 2310.01506), "ddim" samples it with guidance, "negative_prompt" without and with
                the source text in the empty text's place, in the target branch too, "null_text" with the optimised
                empty texts.
            local_blend: changes nothing outside the words of the source and the target object, at any strength.

        Raises:
            UserError: self-attention is to be replaced in layers that the network does not have.
        """
        self.sampling, self.control, self.null_text = _checked(sampling, control, null_text, inversion)
        super().__init__(model, steps=self.sampling["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.inversion, self.local_blend = inversion, local_blend
        self.needs = needs_with(self.needs, self.needs_if, {"local_blend": local_blend})
        self._nulls: OrderedDict[str, list[Text]] = OrderedDict()
        require_own_layers(model, self.control)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _checked(settings["sampling"], settings["control"], settings["null_text"], settings.get("inversion", "direct"))
        return super().describe(settings)

    def require(self, entry: Entry) -> None:
        """Refuse a pair that lacks a text, whose texts lack a phrase, or have unequal numbers of words for *replace*."""
        super().require(entry)
        before, after = entry.source_text or "", entry.target_text
        if self.control["kind"] == "replace" and not equal_words(before, after):
            raise PairError(
                f"{before!r} and {after!r} differ in their number of words. recipe.p2p.control.kind=replace takes only "
                "texts with equal numbers; refine takes any."
            )
        try:
            self.words(entry)
        except UserError as error:
            raise PairError(str(error)) from None

    def words(self, entry: Entry) -> list[list[int]]:
        """Return the tokens that the settings ask for: of the target object, and for a local blend of the source object."""
        found = []
        for text, name in ((entry.target_text, "target_object"), (entry.source_text or "", "source_object")):
            if not (self.local_blend or (self.control["reweight"] != 1 and name == "target_object")):
                continue
            phrase = getattr(entry, name)
            if not phrase:
                raise PairError(
                    f"{type(self).__name__} needs {name} for these settings, which the pair {entry.id} lacks."
                )
            found.append(phrase_tokens(text, phrase, self.model.spans(text)))
        return found

    def open(self, pair: EditPair, path: list[Tensor]) -> P2PEdit:
        return P2PEdit(self, pair, path)

    def fit_together(self, pairs: Sequence[EditPair], progress: Progress = silent) -> list[Edit | PairError]:
        """Invert the inputs; with inversion=null_text optimise each one's empty texts, unless they are known."""
        found = super().fit_together(pairs, progress)
        for edit, pair in zip(found, pairs, strict=True):
            if isinstance(edit, P2PEdit) and self.inversion == "null_text":
                edit.nulls = self._null_texts(edit, pair, progress)
            if isinstance(edit, P2PEdit) and self.inversion != "direct":
                edit.path = edit.path[:1]
        return found

    def _null_texts(self, edit: P2PEdit, pair: EditPair, progress: Progress) -> list[Text]:
        """Return the empty texts of an input and its source text."""
        key = hashlib.sha256(pair.image.tobytes() + (pair.source_text or "").encode()).hexdigest()
        if key not in self._nulls:
            guidance = self.sampling["guidance"]
            tell = lambda step: progress("null text", step, self.steps)
            self._nulls[key] = null_texts(
                self.model, edit.path, edit.source, self.null, guidance=guidance, progress=tell, **self.null_text
            )
            if len(self._nulls) > KEPT:
                self._nulls.popitem(last=False)
        return self._nulls[key]

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode both branches; the target's images are returned."""
        path, tau = paths(rows), torch.tensor([1 - row.strength for row in rows])
        replaced = [self.control["kind"] == "replace"] * len(rows)
        control = PromptControl(
            alignments(self.model, rows, replaced),
            tau,
            tau * self.control["own"],
            replace=replaced,
            least_factor=self.control["least_factor"],
            weights=torch.stack([row.edit.weights for row in rows]) if self.control["reweight"] != 1 else None,
        )
        blend = LocalBlend([row.edit.words for row in rows], self.control["blend_factor"]) if self.local_blend else None
        branches = self._branches(rows, path)  # in the order TARGET, SOURCE
        with ExitStack() as stack:
            stack.enter_context(self.model.attention(control))
            if blend:
                stack.enter_context(self.model.attention(blend))
            begin = [path[0], path[0]]
            return sample_branches(self.model, begin, branches, steps=self.steps, callback=blend)[TARGET]

    def _branches(self, rows: Sequence[Row], path: list[Tensor]) -> tuple[Branch, Branch]:
        """Return the target's and the source's branch."""
        target, source = (Text.cat([getattr(row.edit, name) for row in rows]) for name in ("text", "source"))
        guidance = self.sampling["guidance"]
        if self.inversion == "direct":
            return Branch(target, guidance, self.null), Branch(source, forced=path)
        if self.inversion == "negative_prompt":
            return Branch(target, guidance, source), Branch(source)
        null: Text | list[Text] = self.null
        if self.inversion == "null_text":
            null = [Text.cat([row.edit.nulls[i] for row in rows]) for i in range(self.steps)]
        return Branch(target, guidance, null), Branch(source, guidance, null)


class NullText(P2P):
    """Prompt-to-Prompt with another cost: that of ``inversion="null_text"``, which conf/method/null_text.yaml sets."""

    cost: ClassVar[str] = "33N + 4N"


class P2PEdit(SourceEdit):
    """An inverted pair, with the words of its texts.

    Attributes:
        nulls: the empty text of each step, if they are optimised.
        words: see :meth:`P2P.words`.
        weights: a factor for each of the target text's tokens, (L,).
    """

    def __init__(self, editor: P2P, pair: EditPair, path: list[Tensor]) -> None:
        super().__init__(editor, pair, path)
        self.nulls: list[Text] = []
        self.words = editor.words(pair.entry)
        self.weights = torch.ones(len(editor.model.spans(pair.target_text)))
        if editor.control["reweight"] != 1:
            self.weights[self.words[0]] = editor.control["reweight"]


def _checked(
    sampling: Mapping[str, Any], control: Mapping[str, Any], null_text: Mapping[str, Any], inversion: Any
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    checked("method.inversion", inversion, Inversion)
    kinds = {"kind": Kind, "own": Share, "least_factor": Count, "reweight": float, "blend_factor": Count}
    return (
        checked_block("recipe.p2p.sampling", sampling, steps=Count, guidance=Amount),
        checked_block("recipe.p2p.control", control, **kinds),
        checked_block("recipe.p2p.null_text", null_text, iterations=Natural, lr=Amount, threshold=Amount),
    )
