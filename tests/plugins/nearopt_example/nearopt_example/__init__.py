"""An example of a package that adds a strategy and kernels to NearOpt."""
