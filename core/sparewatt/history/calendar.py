"""Days, weeks and months as the person's calendar has them."""

from datetime import date, datetime, time, timedelta, tzinfo

from sparewatt.history.rows import Period


def day_of(unix_s: float, zone: tzinfo | None = None) -> date:
    """The local day of a moment; `zone` None for the computer's own."""
    return datetime.fromtimestamp(unix_s, zone).date()


def period_begin(day: date, period: Period) -> date:
    """First day of the period that `day` is in."""
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def periods_back(day: date, period: Period, count: int) -> date:
    """First day of the oldest of `count` periods, of which the last is that of `day`."""
    begin = period_begin(day, period)
    match period:
        case "day":
            return begin - timedelta(days=count - 1)
        case "week":
            return begin - timedelta(weeks=count - 1)
        case "month":
            months = begin.year * 12 + begin.month - 1 - (count - 1)
            return date(months // 12, months % 12 + 1, 1)


def day_ends_unix_s(day: date, zone: tzinfo | None = None) -> int:
    """The midnight after `day`."""
    return _midnight(day + timedelta(days=1), zone)


def month_ends_unix_s(day: date, zone: tzinfo | None = None) -> int:
    """The midnight after the last day of the month."""
    return _midnight((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)


def _midnight(day: date, zone: tzinfo | None) -> int:
    return int(datetime.combine(day, time(), tzinfo=zone).timestamp())
