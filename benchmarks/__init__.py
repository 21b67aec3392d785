"""Speed and validity studies; each prints ratios against a reference, from one run on one machine."""
