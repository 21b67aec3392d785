"""The benchmark: image–text pairs, the datasets that hold them, and the contract of an editing method."""

from runtime.threads import wait_passively
from tedbench.errors import UserError
from tedbench.method import Axis, Edit, Editor, Sample
from tedbench.pair import EditPair, Entry

wait_passively()  # before torch is loaded

__all__ = ["Axis", "Edit", "EditPair", "Editor", "Entry", "Sample", "UserError"]
