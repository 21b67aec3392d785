"""The methods that Imagic is compared with, and images made elsewhere. Each is one module; none knows of the others."""

from cli.threads import wait_passively

wait_passively()  # before torch is loaded
