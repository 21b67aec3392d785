"""Text2LIVE (Bar-Tal et al., arXiv 2204.02491): an edit layer over the input, optimised against CLIP."""

from baselines.text2live.editor import Text2Live as Text2Live
