"""The functions of ``from analysis import …``: a study as DataFrames and Matplotlib axes."""
