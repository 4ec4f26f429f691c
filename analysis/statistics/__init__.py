"""Closed forms, estimators and tests that know nothing of studies."""
