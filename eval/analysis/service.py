"""Notes on the models that an editing service said it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def service_notes(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line on the models that a service said it was, with the number of pairs of each, from their last edits.

    Args:
        events: of a run.
    """
    last = {event["pair"]: event["service_models"] for event in events if "service_models" in event}
    said = Counter(model for models in last.values() for model in models)
    if not said:
        return [f"The service did not say which model it is ({len(last)} pairs)."] if last else []
    each = ", ".join(f"{model} ({count} of {len(last)} pairs)" for model, count in said.most_common())
    return [f"The service said that it is {each}." + (" It changed on the way." if len(said) > 1 else "")]
