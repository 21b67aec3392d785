"""The blind two-alternative study: sheets from saved runs, the page that raters see, and what their answers say."""
