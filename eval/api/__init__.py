"""The evaluation from Python: run a method on a benchmark, open saved runs, and compare them.

    from eval.api import evaluate
    run = evaluate(method="sdedit", strengths=[0.3, 0.6, 0.9])
    print(run.curves())

Importing it loads no torch.
"""

from eval.api.compare import compare
from eval.api.evaluate import evaluate
from eval.api.view import RunView, open_run
from tedbench.errors import UserError

__all__ = ["RunView", "UserError", "compare", "evaluate", "open_run"]
