"""Choices that settings and models share; nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

Parts = Literal["all", "tokens", "pooled"]
"""Parts of a text's embeddings."""
FlowSolver = Literal["euler", "midpoint", "fireflow"]
"""Euler's method; the midpoint method, to which RF-Solver's step is equal (Wang et al., arXiv 2411.04746, equation 8); and
the midpoint method with the last midpoint's velocity in place of a new one (FireFlow, Deng et al., arXiv 2412.07517)."""
Density = Literal["uniform", "logit_normal"]
"""Densities of the levels of a flow's loss, see :meth:`imagic.models.flow.Flow.draw`."""
Precision = Literal["float32", "tf32", "bfloat16"]
"""Precisions of weights; TF32 is float32 with faster products."""
