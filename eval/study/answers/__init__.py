"""Reading of answer files as submissions, and the rules by which submissions count."""
