"""Durations for people: as the language writes them (`1h30m`), and in words (`1 hour 30 minutes`)."""

_UNITS = (("d", "day", 86_400_000_000), ("h", "hour", 3_600_000_000), ("m", "minute", 60_000_000))


def short(microseconds: int) -> str:
    """`9.12s`, `15m`, `1h30m`, `2d4h`: at most two units, what is smaller is left out."""
    sign, rest = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if rest < 1_000:
        return f"{sign}{rest}us" if rest else "0s"
    if rest < 1_000_000:
        return f"{sign}{rest / 1000:.3g}ms" if rest < 999_500 else f"{sign}1s"
    if rest < 60_000_000:
        return f"{sign}{f'{rest // 10_000 / 100:.2f}'.rstrip('0').rstrip('.')}s"
    parts: list[str] = []
    for unit, _, size in (*_UNITS, ("s", "second", 1_000_000)):
        count, left = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
            rest = left
        elif parts:
            break  # 1d and 5 seconds are a day
        if len(parts) == 2:
            break
    return sign + "".join(parts)


def in_words(microseconds: int) -> str:
    """`15 minutes`, `1 hour 30 minutes`, `2.5 seconds`; exact."""
    parts: list[str] = []
    rest = microseconds
    for _, noun, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {noun}{'' if count == 1 else 's'}")
    if rest or not parts:
        seconds = f"{rest / 1_000_000:.6f}".rstrip("0").rstrip(".")
        parts.append(f"{seconds} second{'' if seconds == '1' else 's'}")
    return " ".join(parts)
