"""The documentation site: what ``make docs`` builds from the pages of this repository."""

project = "NearOpt"
extensions = ["myst_parser", "sphinx_external_toc"]
external_toc_path = "experiments/site/toc.yml"
include_patterns = ["*.md", "*/**.md"]
exclude_patterns = [".*", "**/report/**", "**/live-*.md"]
myst_heading_anchors = 3
html_theme = "furo"
