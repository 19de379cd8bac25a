"""Writes an interval for cron and for systemd, exactly or not at all. Pure."""

from datetime import timedelta

from inventory.errors import ConfigurationError
from inventory.schedules.kinds import Kind

_HOUR, _DAY, _WEEK = 60, 24 * 60, 7 * 24 * 60
# Minutes between runs that repeat alike every hour, every day or every week.
_REGULAR = (
    *(minutes for minutes in range(1, _HOUR) if _HOUR % minutes == 0),
    *(hours * _HOUR for hours in range(1, 25) if 24 % hours == 0),
    _WEEK,
)
_NIGHT = 3  # the hour of daily and weekly runs


def whole_minutes(every: timedelta) -> int:
    """Return an interval in minutes. Raises ConfigurationError if it is shorter than one."""
    minutes = every // timedelta(minutes=1)
    if minutes < 1:
        raise ConfigurationError("--every must be at least 1m.")
    return minutes


def text(minutes: int) -> str:
    """Write an interval as --every takes it: 15m, 1h30m, 7d."""
    days, rest = divmod(minutes, _DAY) if minutes >= 2 * _DAY else (0, minutes)
    parts = ((days, "d"), (rest // _HOUR, "h"), (rest % _HOUR, "m"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def cron(minutes: int, spread: int, kind: Kind = "cron") -> str:
    """Return the five fields of a line of cron. `spread` is any number; it chooses the minute.

    Hours are a range (0-23/6), because Debian's cron does not make up for a run of */6 that falls
    into the hour that is skipped in spring.
    Raises ConfigurationError with the nearest intervals if no line has exactly this one.
    """
    if minutes not in _REGULAR:
        raise ConfigurationError(_irregular(minutes, kind))
    minute = spread % min(minutes, _HOUR)
    if minutes == 1:
        return "* * * * *"
    if minutes < _HOUR:
        return f"{minute}-59/{minutes} * * * *"
    if minutes == _HOUR:
        return f"{minute} * * * *"
    if minutes < _DAY:
        return f"{minute} 0-23/{minutes // _HOUR} * * *"
    return f"{minute} {_NIGHT} * * {'*' if minutes == _DAY else '1'}"


def _irregular(minutes: int, kind: Kind) -> str:
    nearest = [max(each for each in _REGULAR if each < minutes)]
    nearest += [each for each in _REGULAR if each > minutes][:1]
    return (
        f"{kind} cannot start a run every {text(minutes)}: a line of cron repeats every hour, day "
        f"or week. Pass --every {' or '.join(map(text, nearest))}; systemd can start one at any "
        "interval."
    )


def calendar(minutes: int) -> str | None:
    """Return a value of OnCalendar=, in UTC; None if no calendar repeats at this interval."""
    if minutes not in _REGULAR:
        return None
    if minutes < _HOUR:
        return f"*-*-* *:{'*' if minutes == 1 else f'00/{minutes}'}:00 UTC"
    if minutes < _DAY:
        return f"*-*-* {'*' if minutes == _HOUR else f'00/{minutes // _HOUR}'}:00:00 UTC"
    return f"{'' if minutes == _DAY else 'Mon '}*-*-* {_NIGHT:02}:00:00 UTC"
