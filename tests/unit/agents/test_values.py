"""Values in text: what is found, as what, and in which form."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.text.values import values
from tests.quality.values import DATA, rows

SHOWN = [
    # Phone numbers, with and without a word that says so.
    ("en", "Call me on +1 541-754-3010, please.", [("phone", "+1 541-754-3010", "+15417543010")]),
    ("en", "You can ring 0044 20 7946 0000.", [("phone", "0044 20 7946 0000", "+442079460000")]),
    ("en-US", "my cell: (541) 754-3010 x12", [("phone", "(541) 754-3010 x12", "+15417543010x12")]),
    ("de", "Meine Handynummer ist 0171 1234567.", [("phone", "0171 1234567", "+491711234567")]),
    ("zh", "我的手机号是13812345678，谢谢", [("phone", "13812345678", "+8613812345678")]),
    ("zh-Hant", "電話 02 2123 4567", [("phone", "02 2123 4567", "+886221234567")]),
    ("fa", "شماره موبایل من ۰۹۱۲ ۳۴۵ ۶۷۸۹ است", [("phone", "۰۹۱۲ ۳۴۵ ۶۷۸۹", "+989123456789")]),
    ("zh", "传真021-68812753,021-68808888", [("phone", "021-68812753", "+862168812753"), ("phone", "021-68808888", "+862168808888")]),
    # A row of digits is what the words before it say.
    ("en", "My account number is 12345678.", [("number", "12345678", "12345678")]),
    ("en", "account 12 34 56, phone 12345678", [("number", "12 34 56", "123456"), ("phone", "12345678", "12345678")]),
    ("de", "Kundennummer 4711-22", [("number", "4711-22", "471122")]),
    ("en", "It is four seven double one.", [("number", "four seven double one", "4711")]),
    ("de", "Das ist vier sieben eins eins.", [("number", "vier sieben eins eins", "4711")]),
    ("zh", "订单号是四七一一", [("number", "四七一一", "4711")]),
    ("fa", "کد چهار هفت یک یک", [("number", "چهار هفت یک یک", "4711")]),
    ("en", "We were two hundred and two thousand.", [("number", "two hundred and two thousand", "202000")]),
    ("de", "zweihundertsechsundfünfzig Leute", [("number", "zweihundertsechsundfünfzig", "256")]),
    ("fa", "چهار هزار و هفتصد و یازده", [("number", "چهار هزار و هفتصد و یازده", "4711")]),
    ("zh", "一萬三和四百零五", [("number", "一萬三", "13000"), ("number", "四百零五", "405")]),
    ("de", "Der Betrag ist 2.300,50 Euro", [("number", "2.300,50", "2300.5")]),
    ("en", "no, that one is mine", []),
    # Addresses, accounts, cards.
    ("en", "Write to Jo.Doe+x@Example.COM.", [("email", "Jo.Doe+x@Example.COM", "jo.doe+x@example.com")]),
    ("de", "an info@bücher.de bitte", [("email", "info@bücher.de", "info@xn--bcher-kva.de")]),
    ("en", "see https://example.org/4711 or 10.0.0.1 at 12:30", []),
    ("de", "IBAN DE89 3704 0044 0532 0130 00 ist es", [("iban", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000")]),
    ("en", "card 4111-1111-1111-1111", [("card", "4111-1111-1111-1111", "4111111111111111")]),
    ("en", "4111 1111 1111 1111", [("card", "4111 1111 1111 1111", "4111111111111111")]),
    ("en", "order ab-100/7 and SW19 5AE", [("code", "ab-100/7", "AB1007"), ("postal", "SW19 5AE", "SW195AE")]),
    ("de", "Ring 5, 04219 Neuruppin", [("number", "5", "5"), ("postal", "04219", "04219")]),
    # Dates, where the order is certain.
    ("de", "geboren am 01.12.1990", [("date", "01.12.1990", "1990-12-01")]),
    ("en-US", "born 12/01/1990", [("date", "12/01/1990", "1990-12-01")]),
    ("en-GB", "born 12/01/1990", [("date", "12/01/1990", "1990-01-12")]),
    ("en", "born December 1st, 1990", [("date", "December 1st, 1990", "1990-12-01")]),
    ("zh", "一九九〇年十二月三十一日出生", [("date", "一九九〇年十二月三十一日", "1990-12-31")]),
    ("zh-TW", "民國79年12月31日", [("date", "民國79年12月31日", "1990-12-31")]),
    ("fa", "متولد ۱۳۵۹/۰۹/۱۰", [("date", "۱۳۵۹/۰۹/۱۰", "1980-12-01")]),
    ("fa", "10 آذر 1359", [("date", "10 آذر 1359", "1980-12-01")]),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text", "expected"), SHOWN, ids=[text for _, text, _ in SHOWN])
def test_what_a_text_holds(language: str, text: str, expected: list[tuple[str, str, str]]) -> None:
    """Each value is found as its kind, exactly where it stands, in the form that is compared."""
    assert [(value.kind, value.text, value.normal) for value in values(text, language)] == expected


def test_the_region_given_reads_what_the_language_leaves_open() -> None:
    """Without country code a number is dialled where the customer is, whatever language they write."""
    text = "my phone number is 030 123456"
    assert [value.normal for value in values(text, "en")] == ["030123456"]
    assert [value.normal for value in values(text, "en", "DE")] == ["+4930123456"]


@given(
    st.text(st.sampled_from("0123456789 +-/().,@:#xaDE点十万一年月日null twoandصفرو۴\0\n"), max_size=80)
    | st.text(max_size=60),
    st.sampled_from(["en", "de", "zh", "fa", "zh-Hant", "xx", "", None]),
)
def test_values_never_overlap_and_stand_where_they_say(text: str, language: str | None) -> None:
    """Whatever the text, the values come in order, apart from each other, and are cut out of it as it is."""
    end = 0
    for value in values(text, language):
        assert end <= value.start < value.end <= len(text)
        assert text[value.start : value.end] == value.text
        assert value.normal
        end = value.end


@pytest.mark.skipif(not DATA.exists(), reason=f"the annotated values are not there: {DATA}")
def test_what_others_annotated_is_found() -> None:
    """Of each kind, in each language, at least 98 of a hundred values are found, of those that a field could hold."""
    found = list(rows())
    assert len(found) > 25
    assert {(row.source, row.language, row.kind): row.missed for row in found if row.recall < 0.98} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        "1",
        "1 ",
        "123 456 ",
        "a@",
        "a.",
        "one ",
        "DE12 ",
        "(1",
        "1-",
        "1/1/",
        "phone 1234567 ",
        "一",
        "十万",
        "einund",
        "+1",
    ],
)
def test_a_long_text_is_read_without_going_back(pattern: str) -> None:
    """Texts made to let patterns begin at every character and fail are read, and what they hold stands apart."""
    for language in ("en", "de", "zh", "fa"):
        found = values(pattern * 2000, language)
        assert all(one.end <= other.start for one, other in pairwise(found))
