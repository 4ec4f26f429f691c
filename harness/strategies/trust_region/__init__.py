"""Trust regions with a mixed kernel, after Casmopolitan."""

from harness.strategies.trust_region.strategy import TrustRegion

__all__ = ["TrustRegion"]
