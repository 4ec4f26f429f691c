"""Run a sweep elsewhere than in this machine's own processes (guide: conf/hydra/launcher/README.md)."""
