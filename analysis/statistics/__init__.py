"""Closed forms, estimators and tests that are independent of studies."""
