"""The time of day, as files say it."""

from datetime import UTC, datetime


def now() -> str:
    """UTC, ISO 8601, to the second: 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
