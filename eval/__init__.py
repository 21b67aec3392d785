"""Running methods on benchmarks, measuring what they made, and drawing it."""

from cli.threads import wait_passively

wait_passively()  # before torch is loaded
