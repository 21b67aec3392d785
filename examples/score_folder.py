"""Score images that another program made: python examples/score_folder.py pairs.csv edited/ [options of eval.run]

pairs.csv lists the pairs, with the columns image and target_text; edited/ holds an image for each of them, named
"dog.jpg-A_sitting_dog.png" after the input and the text (or give method.pattern, or method.file with a list of files).
The metrics of papers need their weights on this machine; metrics=picturebook takes the embedded ones.
"""

import sys
from pathlib import Path

from eval.api import evaluate


def main(pairs: str, folder: str, *options: str) -> None:
    """Print the scores of each pair, then the means."""
    # The name stands in tables and figures: call it what made the images.
    own = [f"method.folder={folder}", "method.name=mine"]
    run = evaluate("precomputed", Path(pairs), overrides=[*own, *options])

    scores = run.scores().pivot(index="pair_id", columns="metric", values="score")
    print(scores.round(3).to_string())
    # Means are shown so that more is better: a distance d as 1 - d.
    print(run.curves()[["metric", "mean", "ci_low", "ci_high", "n_pairs", "n_expected"]].to_string(index=False))

    failed = run.pairs().query("status == 'failed'")
    if len(failed):
        print(failed[["pair_id", "reason"]].to_string(index=False))
    print(f"figures and report: {run.folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
