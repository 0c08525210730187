"""Values in text: phone numbers, addresses, accounts, cards, dates, codes and numbers, in English, German, Chinese and Persian.

Every pattern is bounded and begins where a word begins, so the time is linear in the text. What looks like several
kinds is the one that says most: an IBAN is no code, a date no number. A bare row of digits is what the word before it
says it is, and a number where none does.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from agents.formats import accounts, reach
from agents.formats.dates import dates
from agents.formats.locale import plain, split
from agents.formats.numerals import numbers

__all__ = ["Kind", "Value", "values"]

Kind = Literal["phone", "email", "iban", "card", "date", "postal", "code", "number"]


class Value(NamedTuple):
    """A value from ``start`` to ``end`` of a text: its ``text`` as it stands there, and its normal form.

    Normal forms: phone E.164 where it has one, else its digits; e-mail in lower case with its domain as DNS holds it;
    iban, card, postal and code in upper case without what only separates; date YYYY-MM-DD; number in digits, with sign
    and decimal point where it has them (said digit by digit or in groups: all digits in a row).
    """

    kind: Kind
    start: int
    end: int
    text: str
    normal: str


class _Text:
    """A text in plain form, in which what was found is blotted out."""

    def __init__(self, text: str, language: str | None, region: str | None) -> None:
        self.given = text
        self.plain = plain(text)
        self.language, self.region = split(language, region)
        self.found: list[Value] = []
        self._before = self.plain

    def take(self, kind: Kind, spans: Iterable[tuple[int, int, str]]) -> None:
        """Keep values of one kind (start, end and normal form, in their order, none overlapping another)."""
        taken = [Value(kind, start, end, self.given[start:end], normal) for start, end, normal in spans]
        self.found += taken
        self.blot((each.start, each.end) for each in taken)

    def blot(self, spans: Iterable[tuple[int, int]]) -> None:
        """Hide what later kinds shall not read."""
        pieces: list[str] = []
        position = 0
        for start, end in spans:
            pieces += (self.plain[position:start], "\0" * (end - start))
            position = end
        if pieces:
            self.plain = "".join((*pieces, self.plain[position:]))

    def cue(self, start: int) -> str:
        """Return what the last words before ``start``, in its sentence, say that comes next; ``""`` where they say nothing."""
        said, begin = "", max(0, start - _REACH)
        if _LETTER.search(self._before, begin, start) is None:
            return said
        for match in reversed(list(_CUES.finditer(self._before, begin, start))):
            if _BREAK.search(self.given, match.end(), start):
                break
            if match.lastgroup != "any":
                return match.lastgroup or ""
            said = "id"
        return said


_REACH: Final = 40
_LETTER = re.compile(r"[^\W\d_]")
_BREAK = re.compile(r"[.!?。！？\n](?=\s|$)|[;；。]")
_CUES = re.compile(
    r"(?P<phone>phone|\btel\b|telephone|mobile|\bcell|\bfax|\bcall\b|\bdial|whatsapp|telefon|handy|mobil|rufnummer|"
    r"anrufen|durchwahl|festnetz|电话|電話|手机|手機|座机|传真|傳真|致电|拨打|撥打|热线|تلفن|موبایل|همراه|فکس|تماس)"
    r"|(?P<card>\bcard|kreditkarte|kartennummer|\bkarte|卡号|卡號|信用卡|银行卡|کارت)"
    r"|(?P<postal>\bzip\b|post ?code|postal|postleitzahl|\bplz\b|邮编|邮政编码|郵編|郵遞區號|کد ?پستی|کدپستی)"
    r"|(?P<id>account|\bacct|order|customer|contract|policy|invoice|\bcase\b|ticket|reference|\bref\b|serial|\bcode|\bpin\b|"
    r"\botp\b|passport|konto|kunden|auftrag|bestell|vertrag|rechnung|vorgang|referenz|ausweis|iban|账号|帐号|帳號|账户|"
    r"订单|訂單|客户|客戶|合同|发票|發票|编号|編號|单号|單號|验证码|驗證碼|密码|密碼|护照|حساب|سفارش|مشتری|قرارداد|فاکتور|رمز|کد)"
    r"|(?P<any>number|nummer|\bnr\b|\bno\b|号码|號碼|号|號|شماره)"
)

_NOT_VALUES = re.compile(
    r"(?:https?|ftp)://[^\s\0]{1,2000}|\bwww\.[^\s\0]{1,2000}"
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)|(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)",
    re.ASCII,
)
_EMAIL = re.compile(
    r"(?<![a-z0-9._%+'-])[a-z0-9](?:[._%+'-]?[a-z0-9_]){0,63}@"
    r"(?:[a-z0-9\u00df-\u024f](?:[a-z0-9\u00df-\u024f-]{0,62})\.){1,8}(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})(?![a-z0-9_@])"
    r"|(?<![a-z0-9._%+'-])[a-z0-9](?:[._%+'-]?[a-z0-9_]){0,63}@\[\d{1,3}(?:\.\d{1,3}){3}\]"
)
_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?![a-z0-9])", re.ASCII)
_CARD = re.compile(r"(?<![\w+.#-])\d{4}(?:[ -]?\d){9,15}(?![\w-])", re.ASCII)
_PHONE = re.compile(
    r"(?:(?<![\w+*/.=$€£#%])|(?<=[a-z])(?=[+(]))(?:\(\+? {0,2}\d|\+ ?\d|\d)(?:[ ./()-]{0,3}\d){5,17}(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\d])",
    re.ASCII,
)
_WELL_GROUPED = re.compile(
    r"1?[ -]?\(?\d{3}(?:\)|[ .-]|\)[ .-]{1,2})\d{3}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,6})?|0\d{1,4}[ /-]{1,3}\d{3,}(?:[ -]\d{2,}){0,4}|1[3-9]\d-?\d{4}-?\d{4}",
    re.ASCII,
)
_SOCIAL_SECURITY = re.compile(r"\d{3}-\d{2}-\d{4}$")
_HEXADECIMAL = re.compile(r" (?:[a-f][0-9a-f]|[0-9][a-f])(?![0-9a-z])")
_NESTED = re.compile(r"\([^)]*\(")
_LIST = re.compile(r"\0(?:[ ,/]{1,3}|[ ]?(?:or|and|oder|und|或|和|及|یا|و)[ ]?)$")
_CODE = re.compile(
    r"(?<![a-z0-9_-])(?:[a-z]{1,6}[-/]?\d[a-z0-9]{0,30}(?:[-/][a-z0-9]{1,20}){0,5}|\d{2,20}[-/][a-z][a-z0-9]{0,20}(?:[-/][a-z0-9]{1,20}){0,4}"
    r"|\d{1,20}[a-z]{1,3}\d[a-z0-9]{0,20}|\d{4,20}[a-z]{1,3})(?![a-z0-9_-]|\.\d)"
)
_POSTAL = re.compile(
    r"(?<![a-z0-9])(?:[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}|[a-z]\d[a-z] \d[a-z]\d|\d{4} [a-z]{2}(?= |$|,))(?![a-z0-9])"
    r"|(?<![a-z0-9])[A-Z]{2} (\d{5}(?:-\d{4})?)(?![a-z0-9])"
)
_POSTAL_DIGITS = re.compile(r"(?<![\w.-])\d{3,10}(?:[ -]\d{3,5})?(?![\w-])", re.ASCII)
_TOWN = re.compile(r"(?<![\w.,-])\d{5}(?= [A-ZÄÖÜ][a-zäöüß])")
_JOINED = re.compile(r"(?<![\w.,+/\0-])\d{1,20}(?:[-/ ]\d{1,20}){1,8}(?![\w/-]|[.,]\d)", re.ASCII)


def values(text: str, language: str | None, region: str | None = None) -> list[Value]:
    """Return the values in ``text`` in their order; no two overlap.

    ``language`` is a tag such as ``de``, ``en-US`` or ``zh-Hant`` (None: unknown); ``region`` (two letters) says where
    phone numbers without country code and dates in digits are read, else the tag does.
    """
    work = _Text(text, language, region)
    digits = len(_DIGIT.findall(work.plain))
    if "@" in work.plain:
        work.take("email", _emails(work))
    if digits:
        work.blot(match.span() for match in _NOT_VALUES.finditer(work.plain))
    if digits >= _FEWEST_OF_ACCOUNT:
        work.take("iban", _ibans(work))
        work.take("card", _cards(work))
    if digits > 4 or "年" in work.plain:
        work.take("date", _dates(work))
    if digits >= _FEWEST_OF_PHONE:
        work.take("phone", _phones(work))
    if digits:
        work.take("postal", _postals(work))
        work.take("code", _codes(work))
        work.take("number", _joined(work))
    work.take("number", ((number.start, number.end, number.digits) for number in numbers(work.plain, work.language)))
    return sorted(work.found, key=lambda value: value.start)


_DIGIT = re.compile("[0-9]")
_FEWEST_OF_ACCOUNT: Final = 10
_FEWEST_OF_PHONE: Final = 6


def _emails(work: _Text) -> Iterator[tuple[int, int, str]]:
    for match in _EMAIL.finditer(work.plain):
        yield (*match.span(), reach.email(match.group()))


def _ibans(work: _Text) -> Iterator[tuple[int, int, str]]:
    for match in _IBAN.finditer(work.plain):
        end = match.end()
        while end - match.start() >= 15:
            compact = accounts.compact(work.plain[match.start() : end])
            if accounts.iban(compact):
                yield match.start(), end, compact.upper()
                break
            # A word may follow that looks like one more group.
            end = max(work.plain.rfind(" ", match.start(), end), work.plain.rfind("-", match.start(), end))


def _cards(work: _Text) -> Iterator[tuple[int, int, str]]:
    for match in _CARD.finditer(work.plain):
        compact = accounts.compact(match.group())
        cue = work.cue(match.start())
        if cue == "card" or (accounts.card(compact) and cue != "phone"):
            yield (*match.span(), compact)


def _dates(work: _Text) -> Iterator[tuple[int, int, str]]:
    for date in dates(work.plain, work.language, work.region):
        yield date.start, date.end, f"{date.year:04}-{date.month:02}-{date.day:02}"


def _phones(work: _Text) -> Iterator[tuple[int, int, str]]:
    last = -1
    for match in _PHONE.finditer(work.plain):
        start, end = _balanced(work.plain, *match.span())
        written = work.plain[start:end]
        listed = last >= 0 and start - last <= 6 and _LIST.search("\0" + work.plain[last:start]) is not None
        if start < end and _is_phone(work, start, end, written, listed=listed):
            normal = reach.phone(written, work.region or reach.REGION_OF_LANGUAGE.get(work.language))
            yield start, end, normal or re.sub(r"[^0-9x+]", "", written.replace("ext", "x"))
            last = end


def _balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out parentheses at the ends that nothing in between closes or opens."""
    inside = text[start:end]
    if inside.count("(") > inside.count(")") and inside[0] == "(":
        after = text.find(")", end, end + 1)
        if after < 0:
            start += 1
    elif inside.count(")") > inside.count("(") and inside.find(")") < 3:
        start += inside.find(")") + 1
        start += len(text[start:end]) - len(text[start:end].lstrip(" "))
    return start, end


def _is_phone(work: _Text, start: int, end: int, written: str, *, listed: bool) -> bool:
    text = work.plain
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if after[:1].isascii() and (after[:1].isalpha() or after[:1] in ("%", "=", ":", "*", "_")):
        return False
    if (after[:1] in (".", "-", "/") and after[1:].isdigit()) or _HEXADECIMAL.match(text, end):
        return False
    if ("(" in written and written.count("(") != written.count(")")) or _NESTED.search(written):
        return False
    if written[0] in "(+":
        opened = True
    else:
        opened = "(" in written[:8]
        if before.endswith("-"):
            if len(before) < 2 or before[0] == " " or before[0].isalnum():
                return False
        elif before[-1:].isascii() and before[-1:].isalnum():
            return False
    count = sum(letter.isdigit() for letter in written.partition("x")[0].partition("ext")[0])
    if _SOCIAL_SECURITY.match(written) or count > 17:
        return False
    if written[0] == "+" or written.startswith(("(+", "00")):
        return count >= 7
    cue = work.cue(start)
    if cue in ("card", "id", "postal"):
        return opened and count >= 9
    if cue == "phone" or listed:
        return count >= 7 or (count == 6 and written.isdigit() and written[0] == "0")
    if opened:
        return count >= 7
    if count < 8:
        return False
    if _WELL_GROUPED.fullmatch(written):
        return True
    region = work.region or reach.REGION_OF_LANGUAGE.get(work.language)
    return written[0] == "0" and region is not None and reach.is_valid(written, region)


def _postals(work: _Text) -> Iterator[tuple[int, int, str]]:
    found: dict[int, tuple[int, int, str]] = {}
    for match in _POSTAL_DIGITS.finditer(work.plain):
        if work.cue(match.start()) == "postal":
            found[match.start()] = (*match.span(), reach.postal(match.group()).upper())
    for match in _POSTAL.finditer(work.plain):
        found.setdefault(match.start(), (*match.span(), reach.postal(match.group()).upper()))
    if work.language == "de":
        for match in _TOWN.finditer(work.given):
            if work.plain[match.start()] != "\0":
                found.setdefault(match.start(), (*match.span(), match.group()))
    end = 0
    for start in sorted(found):
        if start >= end:
            yield found[start]
            end = found[start][1]


def _codes(work: _Text) -> Iterator[tuple[int, int, str]]:
    for match in _CODE.finditer(work.plain):
        yield (*match.span(), accounts.compact(match.group()).upper())


def _joined(work: _Text) -> Iterator[tuple[int, int, str]]:
    """Yield rows of digits in groups that are one number: with dashes, or where the words before say that one comes."""
    for match in _JOINED.finditer(work.plain):
        written = match.group()
        count = sum(letter.isdigit() for letter in written)
        dashes_only = "/" not in written and " " not in written
        if (dashes_only and count >= 6) or (count >= 5 and work.cue(match.start()) in ("id", "card", "postal")):
            yield (*match.span(), re.sub("[^0-9]", "", written))
