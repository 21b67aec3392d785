"""The blind two-alternative study: sheets from saved runs, the raters' page, and the analysis of answers."""
