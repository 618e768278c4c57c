"""Times as X writes them: ISO 8601 in UTC with milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Any

_MILLISECOND = timedelta(milliseconds=1)


def to_text(moment: datetime) -> str:
    """Write a time.

    :param moment: the time, in any time zone.
    :returns: its text; what is less than a millisecond is cut off.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_after(earlier: Any) -> str:
    """Tell the time, and never the same or an earlier one again.

    :param earlier: the text of a time that must lie before; anything else is ignored.
    :returns: the text of the present time, or of the millisecond after ``earlier`` if that is later.
    """
    now = datetime.now(UTC)
    try:
        return to_text(max(now, datetime.fromisoformat(earlier) + _MILLISECOND))
    except (TypeError, ValueError, OverflowError):
        # A test may have set it to what is no time, or to one without a time zone.
        return to_text(now)
