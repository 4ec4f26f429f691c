"""For authors of strategies and kernels: templates and the profile of an ask's cost."""
