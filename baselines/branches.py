"""The branches of methods that decode the target text beside the input's own trajectory, and what one gives the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagic.models.batched import Row
from imagic.models.control import Control
from imagic.models.text import Text

TARGET, SOURCE = 0, 1
"""The target's images are what a method returns, so its branch is the first."""


def sources(rows: Sequence[Row]) -> Text:
    """Return the source branch's text of each row."""
    return Text.cat([row.edit.source for row in rows])


def are_predicted(control: Control) -> bool:
    """Return True if the network now predicts both branches."""
    return control.moment is not None and (SOURCE, "text") in control.moment.rows


def in_first(share: Tensor, control: Control, begin: Tensor | int = 0) -> Tensor:
    """Return True for the images whose first part of the steps is not over, (B, 1, 1, 1), or (1, 1, 1, 1) for all.

    Args:
        share: the part of all steps, 0 to 1, (B,) or one number.
        control: has been told of the step.
        begin: number of the first step, from which the part is counted, (B,) or one number.
    """
    assert control.moment is not None
    return ((share * control.moment.steps).round() > control.moment.step - begin).reshape(-1, 1, 1, 1)


def taken(control: Control, x: Tensor, on: Tensor) -> Tensor:
    """Return the network's batch with the source branch's rows in place of the target branch's.

    Both halves of guidance take the source's own half if it has one, or its text's.

    Args:
        control: has been told of the rows.
        x: features, queries, keys or values, of four dimensions with the batch's rows first.
        on: True for the images whose rows are taken, (B, 1, 1, 1).
    """
    assert control.moment is not None
    found, on = x.clone(), on.to(x.device)
    for role in ("null", "text"):
        if (TARGET, role) in control.moment.rows:
            rows = control.rows(TARGET, role)
            source = control.rows(SOURCE, role if (SOURCE, role) in control.moment.rows else "text")
            found[rows] = torch.where(on, x[source], x[rows])
    return found
