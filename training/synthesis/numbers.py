"""Numbers, dates, times and prices as people say them, in words."""

from __future__ import annotations

import random

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_RANGES = (10, 20, 60, 100, 100, 100, 100, 300, 2000, 1_000_000)
"""Upper ends of drawn numbers: small ones are the most common."""


def cardinal(value: int, *, british: bool = False) -> str:
    """Spell a whole number from 0 to 999,999; "hundred and five" if ``british``."""
    if value < 10:
        return DIGITS[value]
    if value < 20:
        return _TEENS[value - 10]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens - 2] + (f" {DIGITS[ones]}" if ones else "")
    size, name = (1000, "thousand") if value >= 1000 else (100, "hundred")
    head, rest = divmod(value, size)
    link = "and " if british and 0 < rest < 100 else ""
    tail = f" {link}{cardinal(rest, british=british)}" if rest else ""
    return f"{cardinal(head, british=british)} {name}{tail}"


def ordinal(value: int) -> str:
    """Spell the place of a whole number: "twenty first"."""
    words = cardinal(value).split()
    last = words[-1]
    words[-1] = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join(words)


def year(value: int) -> str:
    """Spell a year from 1000 to 2099 as it is said."""
    century, rest = divmod(value, 100)
    if value < 2010 and century == 20:
        return cardinal(value, british=True)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def draw_number(dice: random.Random) -> str:
    """Return a number, mostly a small one; at times with decimals, a sign or a fraction."""
    kind = dice.random()
    spoken = cardinal(dice.randrange(dice.choice(_RANGES)), british=dice.random() < 0.4)
    if kind < 0.06:
        return f"{spoken} point {' '.join(draw_digits(dice, 1, 2).split())}"
    if kind < 0.09:
        return f"{dice.choice(('minus', 'negative'))} {spoken}"
    if kind < 0.12:
        return f"{spoken} and a {dice.choice(('half', 'quarter', 'third'))}"
    return spoken


def draw_digits(dice: random.Random, least: int = 1, most: int = 12) -> str:
    """Return a string of digits; zero is at times "oh", repeats at times "double"."""
    oh, doubles = dice.random() < 0.25, dice.random() < 0.1
    digits = [dice.randrange(10) for _ in range(dice.randint(least, most))]
    words: list[str] = []
    for digit in digits:
        word = "oh" if oh and digit == 0 else DIGITS[digit]
        if doubles and words and words[-1] == word:
            words[-1] = "double"
        words.append(word)
    return " ".join(words)


def draw_time(dice: random.Random) -> str:
    """Return a time of day."""
    hour, minute = dice.randint(1, 12), dice.choice((0, 15, 30, 45, dice.randrange(60)))
    kind = dice.random()
    if kind < 0.3:
        part = dice.choice(("quarter past", "half past", "quarter to", "ten past", "twenty to"))
        return f"{part} {cardinal(hour)}"
    if kind < 0.4:
        hour = dice.randrange(24)
    if minute == 0:
        spoken = f"{cardinal(hour)} " + dice.choice(("", "", "o'clock", "hundred"))
    else:
        spoken = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    return f"{spoken.strip()} {dice.choice(('', '', '', 'a m', 'p m'))}".strip()


def draw_date(dice: random.Random) -> str:
    """Return a date, at times with its year."""
    day, month = ordinal(dice.randint(1, 31)), dice.choice(_MONTHS)
    spoken = dice.choice((f"{month} {day}", f"the {day} of {month}", f"{month} the {day}"))
    return f"{spoken} {draw_year(dice)}" if dice.random() < 0.3 else spoken


def draw_year(dice: random.Random) -> str:
    """Return a year, mostly of our time."""
    return year(dice.choice((dice.randint(1100, 2030), dice.randint(1900, 2040))))


def draw_price(dice: random.Random) -> str:
    """Return a sum of money."""
    whole, part = dice.randint(1, dice.choice((10, 100, 2000))), dice.randint(1, 99)
    coins = {"dollars": "cents", "pounds": "pence", "euros": "cents"}
    money = dice.choice(list(coins))
    spoken = f"{cardinal(whole)} {money.removesuffix('s') if whole == 1 else money}"
    kind = dice.random()
    if kind < 0.25:
        return f"{spoken} and {cardinal(part)} {coins[money]}"
    if kind < 0.5:
        return f"{spoken} {cardinal(part)}"
    return spoken
