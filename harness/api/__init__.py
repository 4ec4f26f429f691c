"""The functions of ``from harness import …``: the command line's machinery behind typed Python calls."""
