"""Run a sweep elsewhere than in local processes (guide: conf/hydra/launcher/README.md)."""
