"""Text2LIVE (Bar-Tal et al., arXiv 2204.02491): an edit layer, painted over the input, that CLIP learns to like."""

from baselines.text2live.editor import Text2Live as Text2Live
