"""Answer files as submissions, and which of them count."""
