"""Running methods on benchmarks, measuring what they made, and drawing it."""

from runtime.threads import wait_passively

wait_passively()  # before torch is loaded
