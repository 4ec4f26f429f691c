"""Column names that landscape files and run directories share."""

from __future__ import annotations

from typing import Final

METADATA_KEY: Final = b"nearopt"
"""Metadata key of the JSON document in a Parquet file."""
PARAMETER_PREFIX: Final = "config."
"""Prefix of a parameter's column; its values are null where the parameter is inactive."""
