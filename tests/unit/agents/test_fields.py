"""Fields: which values are the same, what a fingerprint gives away, and what people see."""

import hashlib
import hmac
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.fields import FieldCatalog, FieldDefinition, FieldFormat, Fingerprinter, fold, mask, readable
from agents.fingerprints import LENGTH, differ

ACCOUNT = FieldDefinition("account_number", "identity", aliases=("acct_no",), must_travel=True)
COLOUR = FieldDefinition("colour")
BIRTH = FieldDefinition("date_of_birth", "identity", format="date", secret=True)
KEY = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("definition", "value", "folded"),
    [
        (COLOUR, "  Dark \t Blue\n", "dark blue"),
        (COLOUR, "ＤＡＲＫ\u3000Blue", "dark blue"),
        (COLOUR, "Straße", "strasse"),
        (COLOUR, "12-34", "12-34"),
        (COLOUR, "۱۲", "۱۲"),
        (ACCOUNT, "4711-22", "471122"),
        (ACCOUNT, " 4711 . 22 ", "471122"),
        (ACCOUNT, "4711\u201322", "471122"),
        (ACCOUNT, "۴۷۱۱/۲۲", "471122"),
        (ACCOUNT, "４７１１－２２", "471122"),
        (ACCOUNT, "४७११ २२", "471122"),
        (ACCOUNT, "-4711-", "-4711-"),
        (ACCOUNT, "AB-4711", "ab-4711"),
        (ACCOUNT, "", ""),
        (BIRTH, "01.12.1980", "1980-12-1"),
        (BIRTH, "1/12/1980", "1-12-1980"),
        (BIRTH, "11.2.1980", "1980-2-11"),
        (BIRTH, "۱۳۵۹/۰۹/۱۰", "1359-9-10"),
        (BIRTH, "00", "0"),
    ],
)
def test_values_are_folded_by_the_format_of_their_field(definition: FieldDefinition, value: str, folded: str) -> None:
    """Ways of writing one value come to one form; what might be two values does not."""
    assert fold(definition, value) == folded


FORMATS = [
    # format, region, language, ways to write one value, its form
    ("number", None, "en", ["4711", "four seven one one", "four-seven-double one", "forty-seven eleven", "４７１１"], "4711"),
    ("number", None, "en", ["four thousand seven hundred and eleven", "4 711"], "4711"),
    ("number", None, "de", ["vier sieben eins eins", "siebenundvierzig elf", "viertausendsiebenhundertelf"], "4711"),
    ("number", None, "zh", ["四七一一", "四千七百一十一", "肆柒壹壹", "4711"], "4711"),
    ("number", None, "fa", ["چهار هفت یک یک", "چهار هزار و هفتصد و یازده", "۴۷۱۱"], "4711"),
    ("number", None, None, ["four seven one one", "vier sieben eins eins", "四七一一"], "4711"),
    ("number", None, "de", ["null", "0"], "0"),
    ("number", None, "en", ["null", "NULL"], "null"),
    ("phone", "DE", None, ["0171 1234567", "+49 171 1234567", "0049 171/1234567", "+49 (0)171 123-4567", "۰۱۷۱ ۱۲۳۴۵۶۷"], "+491711234567"),
    ("phone", "DE", "de", ["null eins sieben eins eins zwei drei vier fünf sechs sieben"], "+491711234567"),
    ("phone", None, "de", ["0171 1234567", "(0171) 123-4567"], "01711234567"),
    ("phone", "US", None, ["(541) 754-3010", "541.754.3010", "+1 541 754 3010"], "+15417543010"),
    ("phone", "US", None, ["011 49 171 1234567", "+49 171 1234567"], "+491711234567"),
    ("phone", "ZA", None, ["011 234 5678", "+27 11 234 5678"], "+27112345678"),
    ("phone", None, None, ["mine", " Mine"], "mine"),
    ("email", None, None, ["Jo.Doe@Bücher.de", "jo.doe@BÜCHER.DE", "jo.doe@xn--bcher-kva.de"], "jo.doe@xn--bcher-kva.de"),
    ("email", None, None, ["none", "None"], "none"),
    ("iban", None, None, ["DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00", "IBAN DE89370400440532013000"], "de89370400440532013000"),
    ("iban", None, None, ["GB60 HYJF 9452 0159 2849 76", "gb60hyjf94520159284976"], "gb60hyjf94520159284976"),
    ("card", None, None, ["4111 1111 1111 1112", "4111-1111-1111-1112", "۴۱۱۱۱۱۱۱۱۱۱۱۱۱۱۲"], "4111111111111112"),
    ("order", None, None, ["A-100", "a 100", "A100", "#a.100"], "a100"),
    ("postal", None, None, ["OL2 1GF", "ol21gf"], "ol21gf"),
    ("postal", None, None, ["D-04219", "04219", "０４２１９"], "04219"),
    ("date", None, None, ["1990-12-31", "31.12.1990", "12/31/1990", "31/12/1990", "31. Dezember 1990", "Dec 31st, 1990", "1990年12月31日"], "1990-12-31"),
    ("date", None, None, ["01/02/1990", "1-2-1990"], "1-2-1990"),
    ("date", None, "en", ["01/02/1990"], "1-2-1990"),
    ("date", None, "en-US", ["01/02/1990", "1990-01-02", "Jan 2, 1990"], "1990-1-2"),
    ("date", "US", "en-GB", ["01/02/1990", "1 Feb 1990"], "1990-2-1"),
    ("date", "US", "en", ["01/02/1990"], "1990-1-2"),
    ("date", None, "de", ["01/02/1990", "1.2.1990"], "1990-2-1"),
    ("date", None, "fa", ["۱۳۵۹/۰۹/۱۰", "10 آذر 1359", "1980-12-01"], "1980-12-1"),
    ("date", None, "zh-TW", ["民國79年12月31日", "一九九〇年十二月三十一日"], "1990-12-31"),
    ("date", None, "de", ["30.02.1990", "30-2-1990"], "30-2-1990"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("format_", "region", "language", "ways", "form"), FORMATS, ids=[each[3][0] for each in FORMATS]
)
def test_ways_of_writing_one_value_come_to_one_form(
    format_: FieldFormat, region: str | None, language: str | None, ways: list[str], form: str
) -> None:
    """A value is the same however it is written, in the language and for the region that say how it is read."""
    definition = FieldDefinition("x", format=format_, region=region)
    assert [fold(definition, way, language) for way in ways] == [form] * len(ways)


@given(
    st.sampled_from(get_args(FieldFormat)),
    st.text(max_size=300),
    st.sampled_from([None, "en-US", "de", "zh", "fa", "-"]),
)
def test_any_text_has_a_form(format_: FieldFormat, value: str, language: str | None) -> None:
    """Whatever arrives as a value of whatever format is folded, and what has letters or digits folds to something."""
    folded = fold(FieldDefinition("x", format=format_, region="DE"), value, language)
    assert folded or not any(letter.isalnum() for letter in value)


@given(st.text())
def test_a_folded_value_folds_to_itself(value: str) -> None:
    """Folding twice is folding once for numbers and dates of printable ASCII, whatever was typed around them."""
    ascii_value = value.encode("ascii", "ignore").decode()
    for definition in (COLOUR, ACCOUNT, BIRTH):
        once = fold(definition, ascii_value)
        assert fold(definition, once) == once


@pytest.mark.parametrize("kind", ["identity", "contact", "account", "order"])
def test_numbers_are_the_format_of_these_kinds(kind: str) -> None:
    """Without a format, a field of these kinds is folded as a number; of others as words."""
    assert FieldDefinition("x", kind).folding == "number"  # type: ignore[arg-type]
    assert FieldDefinition("x", "preference").folding == "words"


def test_a_fingerprint_is_an_hmac_behind_the_id_of_its_key() -> None:
    """It can be computed again from the documented parts, each behind its length."""
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (b"acme", b"account_number"))
    expected = hmac.new(KEY, parts + b"471122", hashlib.sha256).digest()[:14]
    fingerprinter = Fingerprinter(KEY)
    assert fingerprinter.fingerprint("acme", ACCOUNT, "4711-22") == fingerprinter.key_id + expected
    assert len(fingerprinter.fingerprint("acme", ACCOUNT, "4711-22")) == LENGTH


def test_fingerprints_differ_by_tenant_field_value_and_key() -> None:
    """Equal values of other tenants, fields or keys say nothing about each other, wherever the border between lies."""
    one = Fingerprinter(KEY)
    prints = {
        one.fingerprint("acme", COLOUR, "red"),
        one.fingerprint("acmec", FieldDefinition("olour"), "red"),
        one.fingerprint("acme", FieldDefinition("colou"), "rred"),
        one.fingerprint("other", COLOUR, "red"),
        one.fingerprint("acme", FieldDefinition("color"), "red"),
        one.fingerprint("acme", COLOUR, "blue"),
        Fingerprinter(KEY[::-1]).fingerprint("acme", COLOUR, "red"),
    }
    assert len(prints) == 7
    assert Fingerprinter(KEY).key_id != Fingerprinter(KEY[::-1]).key_id
    assert one.fingerprint("acme", COLOUR, "RED ") in prints


def test_half_characters_have_fingerprints_too() -> None:
    """Text that is no valid Unicode neither crashes nor equals its neighbour."""
    one = Fingerprinter(KEY)
    assert one.fingerprint("acme", COLOUR, "\ud800") != one.fingerprint("acme", COLOUR, "\ud801")


def test_a_short_key_is_refused() -> None:
    """A key that could be guessed is none."""
    with pytest.raises(ValueError, match="at least 16"):
        Fingerprinter(b"short")


@pytest.mark.parametrize(
    ("definition", "value", "shown"),
    [
        (ACCOUNT, "", "…"),
        (ACCOUNT, "12345", "…"),
        (ACCOUNT, "123456", "…56"),
        (ACCOUNT, "4711-22", "…22"),
        (ACCOUNT, "12345678901", "…901"),
        (ACCOUNT, "123456789012", "…9012"),
        (ACCOUNT, "1" * 1000 + "4711", "…4711"),
        (BIRTH, "1980-12-01", "…"),
        (COLOUR, "ab\x00cd\u202eefgh", "…fgh"),
        (COLOUR, "abcdefghi\x00\u202e\n", "…i\ufffd\ufffd\ufffd"),
        (COLOUR, "سبز تیره", "…ره"),
    ],
)
def test_people_see_a_third_and_never_more_than_four(definition: FieldDefinition, value: str, shown: str) -> None:
    """The last third of a value, at most four characters, none of a short or secret one, and nothing unprintable."""
    assert mask(definition, value) == shown


@given(st.text(max_size=60))
def test_a_mask_never_shows_more_than_its_share(value: str) -> None:
    """Whatever the value, at most a third of it and at most four characters are seen."""
    shown = mask(COLOUR, value)
    assert shown.startswith("…")
    assert len(shown) - 1 <= min(4, len(value) // 3)
    assert mask(BIRTH, value) == "…"


def test_aliases_lead_to_one_definition_and_unlisted_names_to_their_own() -> None:
    """An alias is the field; a name that nobody listed is canonical, of kind other, valid for the journey."""
    catalog = FieldCatalog([ACCOUNT, BIRTH])
    assert catalog.definition("acct_no") is catalog.definition("account_number") is ACCOUNT
    assert catalog.definition("Account_Number") == FieldDefinition("Account_Number", "other")
    assert catalog.must_travel == {"account_number"}


def test_the_field_of_a_thing_is_its_own_with_everything_of_the_base() -> None:
    """Kind, validity, format and secrecy are those of the field; its names carry the thing, and it need not travel."""
    own = FieldDefinition("date_of_birth", "identity", aliases=("dob",), validity=7, must_travel=True, secret=True, format="date", things=("partner",))
    catalog = FieldCatalog([own, ACCOUNT])
    of_partner = catalog.definition("date_of_birth of partner")
    assert catalog.definition("dob of partner") is of_partner
    assert of_partner == FieldDefinition("date_of_birth of partner", "identity", aliases=("dob of partner",), validity=7, secret=True, format="date")
    assert catalog.definition("date_of_birth of neighbour").kind == "other"
    assert catalog.must_travel == {"account_number", "date_of_birth"}


def test_two_fields_of_one_name_are_refused() -> None:
    """A name or alias leads to one field alone."""
    with pytest.raises(ValueError, match="acct_no is both account_number and other"):
        FieldCatalog([ACCOUNT, FieldDefinition("other", aliases=("acct_no",))])


def test_invented_names_do_not_grow_memory() -> None:
    """A million made-up field names and tenants leave no more behind than a few thousand."""
    catalog, fingerprinter = FieldCatalog([ACCOUNT]), Fingerprinter(KEY)
    for number in range(20_000):
        fingerprinter.fingerprint(f"t{number}", catalog.definition(f"made-up-{number}"), "x")
    remembered = [*vars(catalog).values(), *vars(fingerprinter).values()]
    assert max(len(each) for each in remembered if isinstance(each, dict)) <= 4096
    assert sys.getsizeof(catalog.__dict__) < 10_000
    assert catalog.definition("made-up-1").name == "made-up-1"


def test_two_fingerprints_differ_only_under_one_key() -> None:
    """Equal ones are the same, others differ; those of two keys are neither."""
    ours, theirs = Fingerprinter(KEY), Fingerprinter(KEY[::-1])
    one, other = (ours.fingerprint("acme", COLOUR, value) for value in ("red", "blue"))
    assert differ(one, other)
    assert not differ(one, ours.fingerprint("acme", COLOUR, "RED"))
    assert not differ(one, theirs.fingerprint("acme", COLOUR, "blue"))


def test_what_we_state_is_readable_unless_it_is_the_customers() -> None:
    """The beginning of a value of ours is shown, without control characters; of a listed kind or a secret only the mask."""
    assert readable(COLOUR, "dark\x00blue " + "x" * 90) == "dark\ufffdblue " + "x" * 70
    assert readable(ACCOUNT, "4711-2299") == "…299"
    assert readable(FieldDefinition("password", secret=True), "swordfish") == "…"
