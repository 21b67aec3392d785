"""Copies of weights, to put all or a part of them back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from imagic.lora import remove_adapters
from tedbench.errors import UserError


class Snapshot:
    """A copy of a module's parameters and buffers, to put back bit by bit.

    Attributes:
        module: the module.
        state: the copy, by name.
    """

    def __init__(self, module: nn.Module, twin: nn.Module | None = None) -> None:
        """
        Args:
            module: the module.
            twin: a copy of it that nothing changes, whose tensors serve as the saved values; None copies them.
        """
        self.module = module
        if twin is not None:
            self.state = dict(twin.state_dict())
        else:
            self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def restore(self) -> None:
        """Copy the saved values back into the same tensors, after removing adapters."""
        for network in self.module.modules():
            remove_adapters(network)
        with torch.no_grad():
            for name, value in self.module.state_dict().items():
                value.copy_(self.state[name])

    @contextmanager
    def part_restored(self, pattern: str) -> Iterator[None]:
        """Put the saved values of some weights back inside a ``with`` block (the forgetting of Forgedit, arXiv 2309.10556).

        Afterwards these weights are again as before the block, bit by bit.

        Args:
            pattern: a regular expression, searched in the weights' names, such as ``up_blocks|attn2``.

        Raises:
            UserError: no weight has such a name.
        """
        chosen = {name: value for name, value in self.module.state_dict().items() if re.search(pattern, name)}
        if not chosen:
            raise UserError(f"No weight of the network is called like {pattern!r}.")
        tuned = {name: value.detach().clone() for name, value in chosen.items()}
        with torch.no_grad():
            for name, value in chosen.items():
                value.copy_(self.state[name])
            try:
                yield
            finally:
                for name, value in chosen.items():
                    value.copy_(tuned[name])
