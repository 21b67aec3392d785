"""Running methods on benchmarks, scoring their images, and presenting the results."""

from runtime.threads import wait_passively

wait_passively()  # before torch is loaded
