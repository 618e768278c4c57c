"""Timestamps in X's format: ISO 8601 in UTC with milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

_MILLISECOND = timedelta(milliseconds=1)


def to_text(moment: datetime) -> str:
    """Format a time.

    :param moment: the time, in any time zone.
    :return: the timestamp, truncated to milliseconds.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_after(earlier: Any) -> str:
    """Return the present time, but later than an earlier timestamp.

    :param earlier: the earlier timestamp; any other value is ignored.
    :return: the timestamp of the present time, or of the millisecond after ``earlier`` if that is later.
    """
    now = datetime.now(UTC)
    try:
        return to_text(max(now, datetime.fromisoformat(earlier) + _MILLISECOND))
    except (TypeError, ValueError, OverflowError):
        # A test may have set any value, such as a time without a time zone.
        return to_text(now)
