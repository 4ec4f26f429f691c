"""The documentation site, of the pages that the repository has: ``make docs``. Sphinx reads this file."""

project = "NearOpt"
author = copyright = "The NearOpt authors"
extensions = ["myst_parser", "sphinx_external_toc"]
external_toc_path = "experiments/site/toc.yml"
external_toc_exclude_missing = True
exclude_patterns = [".*", "site"]
myst_heading_anchors = 3
templates_path = ["templates"]
html_theme = "furo"
html_title = "NearOpt"
html_copy_source = False
html_show_sphinx = False
html_sidebars = {
    "**": [
        "sidebar/scroll-start.html",
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/navigation.html",
        "leaderboard.html",
        "sidebar/scroll-end.html",
    ]
}
