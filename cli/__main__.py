"""``python -m cli``: the console script ``imagic-bench``, without installing it."""

from cli.main import main

if __name__ == "__main__":
    main()
