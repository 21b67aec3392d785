"""Running methods on benchmarks, measuring what they made, and drawing it."""
