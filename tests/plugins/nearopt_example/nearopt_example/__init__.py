"""An example of a package that brings NearOpt a strategy and kernels."""
