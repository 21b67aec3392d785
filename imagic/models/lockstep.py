"""Several samplings in step with each other, which can look at one another: the base of methods with a source branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagic.models.base import DiffusionModel
from imagic.models.control import Moment
from imagic.models.sampling import joined
from imagic.models.stepping import Solver, Stepper
from imagic.models.text import Text
from tedbench.errors import UserError


@dataclass(frozen=True)
class Branch:
    """One of several samplings of B images each.

    The prediction is that of the empty text plus, for each text, its weight times the difference from the empty text's.

    Attributes:
        text: B texts, or one for all.
        guidance: weight of the text, one for all or (B,). The number 1 without ``more`` uses the text alone.
        null: the empty text, one for all or B; or a list of one for each step of the schedule. None if it is not used.
        more: further texts and their weights.
        change: called with the number of the step, a text's role and the difference between its prediction and the empty
            text's, (B, C, h, w); returns another difference in its place.
        forced: x at each level, steps + 1 tensors (B, C, h, w), the noise first: the branch is on this trajectory at
            every step, whatever it predicts.
        residuals: (B, C, h, w) for each step of the schedule, added to the result of the step, the last one too.
    """

    text: Text
    guidance: float | Tensor = 1.0
    null: Text | Sequence[Text] | None = None
    more: Sequence[tuple[Text, float | Tensor]] = ()
    change: Callable[[int, str, Tensor], Tensor] | None = None
    forced: Sequence[Tensor] | None = None
    residuals: Sequence[Tensor] | None = None

    def prompts(self, step: int) -> dict[str, Text]:
        """Return the texts that are predicted at a step, by their role in :class:`~imagic.models.control.Moment`."""
        alone = not isinstance(self.guidance, Tensor) and self.guidance == 1 and not self.more
        if alone:
            return {"text": self.text}
        null = self.null[step] if isinstance(self.null, Sequence) else self.null
        if null is None:
            raise ValueError("a branch with guidance needs the empty text")
        further = {f"text {i}": text for i, (text, _) in enumerate(self.more, 1)}
        return {"null": null, "text": self.text, **further}

    def combine(self, outs: Mapping[str, Tensor], step: int) -> Tensor:
        """Return the branch's prediction at a step from that of each role."""
        if "null" not in outs:
            return outs["text"]
        found = null = outs["null"]
        weights = {"text": self.guidance, **{f"text {i}": weight for i, (_, weight) in enumerate(self.more, 1)}}
        for role, weight in weights.items():
            difference = outs[role] - null
            if self.change is not None:
                difference = self.change(step, role, difference)
            found = found + _column(weight, null) * difference
        return found


@dataclass
class Step:
    """The state after a step, for a callback to read and change.

    Attributes:
        index: number of the step, 0 at the noise.
        x: each branch's images after the step; the callback may put others in their place.
    """

    index: int
    x: list[Tensor]


@torch.no_grad()
def sample_branches(
    model: DiffusionModel,
    x: Sequence[Tensor],
    branches: Sequence[Branch],
    *,
    steps: int,
    start: int = 0,
    ddim_eta: float = 0.0,
    solver: Solver = "ddim",
    callback: Callable[[Step], None] | None = None,
) -> list[Tensor]:
    """Sample several branches with one network call a step.

    Args:
        model: its process gives the levels.
        x: what each branch begins with, (B, C, h, w) each.
        branches: in the order of their rows in the network's batch; each has its roles in a row.
        steps: number of steps from noise to image.
        start: number of the first step that is taken.
        ddim_eta: DDIM's own η, for all branches.
        solver: takes the steps. No noise is added, only the residuals of branches that have them.
        callback: called after each step; a forced branch is on its trajectory there too.

    Returns:
        Each branch's x0, (B, C, h, w) float32.
    """
    process, levels = model.process, model.process.schedule(steps)
    now = [each.to(model.device) for each in x]
    steppers = [Stepper(process, levels, solver, ddim_eta) for _ in branches]
    for i in range(start, steps):
        now = [at if branch.forced is None else branch.forced[i] for at, branch in zip(now, branches, strict=True)]
        t = levels[i]
        predictions = combined(model, now, branches, t, step=i, steps=steps)
        after = []
        for at, out, branch, stepper in zip(now, predictions, branches, steppers, strict=True):
            if branch.forced is not None:
                after.append(branch.forced[i + 1])
                continue
            kept = None if branch.residuals is None else branch.residuals[i].to(model.device)
            stepped = stepper.step(i, at, out)
            after.append(stepped if kept is None else stepped + kept)
        if callback is not None:
            told = Step(i, after)
            callback(told)
            after = told.x
        now = after
    return [at if branch.forced is None else branch.forced[steps] for at, branch in zip(now, branches, strict=True)]


def predict_branches(
    model: DiffusionModel, x: Sequence[Tensor], branches: Sequence[Branch], t: Tensor, *, step: int, steps: int
) -> list[dict[str, Tensor]]:
    """Return each branch's predictions by role, without guidance, from one network call; differentiable.

    Args:
        model: the model.
        x: images of each branch, (B, C, h, w).
        branches: the branches.
        t: the level of all, a scalar.
        step, steps: number of the step, which chooses its empty text, and of how many.

    Raises:
        UserError: a distilled model is to predict the empty text.
    """
    if model.distilled and any("null" in branch.prompts(step) for branch in branches):
        raise UserError(
            f"{model.name} takes the guidance as an input, and this method guides against a second text. Give model=sd35."
        )
    images, texts, rows, end = [], [], {}, 0
    for number, (at, branch) in enumerate(zip(x, branches, strict=True)):
        for role, text in branch.prompts(step).items():
            images.append(at)
            texts.append(text.expand(len(at)))
            rows[number, role] = slice(end, end + len(at))
            end += len(at)
    model.announce(Moment(step, steps, rows))
    out = model.predict(torch.cat(images), t.repeat(end), Text.cat(texts))
    found: list[dict[str, Tensor]] = [{} for _ in branches]
    for (number, role), chosen in rows.items():
        found[number][role] = out[chosen]
    return found


def combined(
    model: DiffusionModel, x: Sequence[Tensor], branches: Sequence[Branch], t: Tensor, *, step: int, steps: int
) -> list[Tensor]:
    """Return each branch's prediction with its guidance, (B, C, h, w) each, see :func:`predict_branches`."""
    outs = predict_branches(model, x, branches, t, step=step, steps=steps)
    return [branch.combine(found, step) for branch, found in zip(branches, outs, strict=True)]


def text_branch(model: DiffusionModel, text: Text, guidance: float, null: Text) -> Branch:
    """Return a branch of a text with guidance, which a distilled model is told.

    Args:
        model: the model.
        text: B texts, or one for all.
        guidance: weight of the text against the empty one.
        null: the empty text, one for all or B.
    """
    return Branch(text.guided(guidance)) if model.distilled else Branch(text, guidance, null)


def first_step(share: float, steps: int, least: int = 0) -> int:
    """Return the number of the first step that is taken if a share of all steps is, the last ones, and ``least`` or more."""
    return steps - max(least, int(share * steps + 0.5))


def held(path: Sequence[Tensor], start: Sequence[int], branch: int = 0) -> Callable[[Step], None]:
    """Return a callback that keeps each image of a branch on a path until its own first step.

    So a sampling from the smallest ``start`` on serves images that begin at different steps.

    Args:
        path: x at each level, steps + 1 tensors (B, C, h, w), the noise first.
        start: for each image the number of its first step.
        branch: number of the branch.
    """

    def keep(step: Step) -> None:
        level = step.index + 1
        if step.index < max(start):
            step.x[branch] = joined(step.x[branch], path[level], step.index, start)

    return keep


def _column(weight: float | Tensor, like: Tensor) -> float | Tensor:
    return weight.to(like).reshape(-1, 1, 1, 1) if isinstance(weight, Tensor) else weight
