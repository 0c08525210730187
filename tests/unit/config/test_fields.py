"""Fields: what ships, and what is refused."""

from pathlib import Path

import pytest

from agents.fields import FieldDefinition
from config.errors import ConfigError
from config.fields import load_fields


def test_the_shipped_fields_hold_what_is_promised() -> None:
    """The three fields that everything else counts on are there, and only two must travel."""
    fields = load_fields()
    account, order, code = (fields.definition(name) for name in ("acct_no", "order_number", "one_time_code"))
    assert (account.name, account.kind, account.must_travel) == ("account_number", "identity", True)
    assert (order.kind, order.must_travel, order.secret) == ("order", True, False)
    assert (code.secret, code.validity) == (True, 300_000_000)
    assert fields.must_travel == {"account_number", "order_number"}
    assert fields.definition("dob").secret


def test_a_directory_replaces_the_shipped_fields(tmp_path: Path) -> None:
    """What another directory does not list is of kind other, also what ships."""
    (tmp_path / "own.yaml").write_text("meter_number:\n  kind: account\n  aliases: [meter]\n  validity: 90m\n")
    fields = load_fields(tmp_path)
    assert fields.definition("meter").validity == 5_400_000_000
    assert fields.definition("account_number") == FieldDefinition("account_number")


def test_the_region_of_an_installation_is_that_of_fields_that_name_none(tmp_path: Path) -> None:
    """Where numbers are dialled is set once, or for one field."""
    (tmp_path / "own.yaml").write_text("a: {kind: contact, format: phone}\nb: {kind: contact, region: AT}\n")
    assert [each.region for each in load_fields(tmp_path, "DE").definitions] == ["DE", "AT"]
    assert load_fields(tmp_path).definition("a").region is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a:\n  kind: identty\n", "own.yaml:2: a.kind: expected 'identity', 'contact'"),
        ("a:\n  kind: order\n  alias: [b]\n", "own.yaml:3: a.alias: unknown key; did you mean aliases?"),
        ("a:\n  aliases: [b]\n", "own.yaml:1: a.kind: missing"),
        ("a:\n  kind: order\n  validity: 5\n", "own.yaml:3: a.validity: expected a duration"),
        ("a: {kind: order}\nb:\n  kind: order\n  aliases: [a]\n", "own.yaml:4: b.aliases[0]: a is taken"),
        ("a: {kind: order, aliases: [c, c]}\n", "c is taken: it stands in"),
        ("a:\n  kind: order\n  format: telephone\n", "own.yaml:3: a.format: expected 'words', 'number'"),
        ("a:\n  kind: contact\n  region: de\n", "own.yaml:3: a.region:"),
        ("a: order\n", "own.yaml:1: a:"),
        ("a:\n  kind: order\n  of: {Flat: {}}\n", "own.yaml:3: a.of.Flat"),
        ("a: {kind: order}\nb:\n  kind: order\n  aliases: [a of flat]\na of flat: {kind: order}\n", "a of flat is taken"),
        ("a: {kind: order, of: {flat: {en: [flat]}}}\na of flat: {kind: order}\n", "own.yaml:2: a of flat: a of flat is taken"),
    ],
)
def test_wrong_fields_are_refused_by_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    """A wrong, missing or unknown key, and a name that two fields claim, are told with their place."""
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_fields(tmp_path)
    assert sentence in str(caught.value)


def test_a_name_claimed_in_two_files_is_told_with_both(tmp_path: Path) -> None:
    """Of two definitions that clash, both places are named."""
    (tmp_path / "one.yaml").write_text("a: {kind: order}\n")
    (tmp_path / "two.yaml").write_text("\nb:\n  kind: order\n  aliases:\n    - a\n")
    with pytest.raises(ConfigError, match=r"two\.yaml:5: b\.aliases\[0\]: a is taken: it stands in .*one\.yaml:1 too"):
        load_fields(tmp_path)


def test_a_directory_without_fields_is_refused(tmp_path: Path) -> None:
    """A mistyped directory does not pass for one without fields."""
    with pytest.raises(ConfigError, match="holds no fields"):
        load_fields(tmp_path)
    with pytest.raises(ConfigError, match="expected a directory"):
        load_fields(tmp_path / "none")
