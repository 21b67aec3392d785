"""Compare two methods on Picturebook's seven preview pairs: python examples/compare_methods.py [options of eval.run]

Takes a few minutes on a CPU; "dataset.limit=2" is quicker. Picturebook is drawn: it says nothing of photographs.
"""

import sys

from eval.api import compare, evaluate


def main(*options: str) -> None:
    """Run SDEdit and DDIB, and print their metrics at the best strength of each pair."""
    # Finished runs are opened, not made again: repeat the script with other methods.
    runs = {method: evaluate(method, overrides=options) for method in ("sdedit", "ddib")}

    # Of each pair, the image with the highest CLIP score among those with 1 - LPIPS of at least 0.8.
    table = compare(runs, threshold=0.8)
    table["mean [95%]"] = [
        f"{m:.3f} [{low:.3f}, {high:.3f}]" for m, low, high in table[["mean", "ci_low", "ci_high"]].values
    ]
    print(table.pivot(index="metric", columns="method", values="mean [95%]").to_string())

    compared, expected = table.iloc[0][["n_compared", "n_expected"]]
    print(f"{compared} of {expected} pairs compared")
    for method, rule in table.groupby("method")["rule"].first().items():
        print(f"{method}: {rule}")


if __name__ == "__main__":
    main(*sys.argv[1:])
