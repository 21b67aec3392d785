"""The methods that Imagic is compared with, and images made elsewhere. Each is one module; none knows of the others."""
