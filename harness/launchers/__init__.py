"""Ways of running a sweep elsewhere than in this machine's own pool. conf/hydra/launcher/README.md is the guide."""
