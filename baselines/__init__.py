"""The methods that Imagic is compared with, and images made elsewhere. Each is one module; none imports another."""

from runtime.threads import wait_passively

wait_passively()  # before torch is loaded
