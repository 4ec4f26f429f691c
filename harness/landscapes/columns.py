"""Names that landscape files and run directories share."""

from __future__ import annotations

from typing import Final

METADATA_KEY: Final = b"nearopt"
"""Of the JSON document in the metadata of a Parquet file."""
PARAMETER_PREFIX: Final = "config."
"""A parameter's column is this and its name; null where the parameter is inactive."""
