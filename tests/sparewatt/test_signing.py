"""Canonical bytes have one form, and a signature holds for one kind, one key, one text."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError
from sparewatt.signing import INTEGER_LIMIT, Signed, _message, canonical, digest, public_key_hex, sign, verify
from sparewatt.testing.run import private_key

KEY = private_key(1)
PUBLIC = public_key_hex(KEY)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-INTEGER_LIMIT, INTEGER_LIMIT)
NAMES = st.text(st.characters(max_codepoint=127), max_size=10)
VALUES = st.recursive(
    TEXT | INTEGERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: str
    number: int
    hint: str | None = None


STATEMENT = Statement(words="watt ⚡\n", number=3)
SIGNED = sign("test", STATEMENT, KEY)


def test_the_golden_statement_of_the_protocol_page() -> None:
    assert SIGNED.body == '{"number":3,"words":"watt ⚡\\n"}'
    assert digest(STATEMENT) == "aaef80b1799bc23d5d4c2913bf91fb7dd5552782d47b3fdd2047a3345059d1af"
    assert PUBLIC == "4cb5abf6ad79fbf5abbccafcc269d85cd2651ed4b885b5869f241aedf0a5ba29"
    assert SIGNED.signature == (
        "37039569867c47f8735e44999dd533d2fed022308c440e3badefddc807782925"
        "890c60ee9876079ee7ca551b8b17002e090f07fbd089f4c64fbdee5af54e8c0e"
    )


@given(VALUES)
def test_canonical_bytes_are_sorted_compact_json_and_stable(value: object) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text
    assert b"\n" not in text


@given(st.dictionaries(NAMES, TEXT | INTEGERS, max_size=6))
def test_the_order_in_which_names_were_written_does_not_matter(fields: dict[str, object]) -> None:
    assert canonical(dict(reversed(fields.items()))) == canonical(fields)


@pytest.mark.parametrize("value", [1.5, True, None, b"bytes", {"a": [0.0]}, [None]])
def test_what_has_no_single_form_is_not_signed(value: object) -> None:
    if isinstance(value, bytes):
        assert canonical(value) == b'"Ynl0ZXM="', "bytes become base64 text before they are signed"
        return
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("value", [INTEGER_LIMIT + 1, -INTEGER_LIMIT - 1])
def test_integers_that_javascript_would_round_are_not_signed(value: int) -> None:
    with pytest.raises(ValueError, match="53 bits"):
        canonical(value)


def test_absent_fields_are_left_out() -> None:
    assert b"hint" not in canonical(STATEMENT)
    assert verify(SIGNED, "test", PUBLIC, Statement) == STATEMENT


def refusal(signed: Signed, kind: str = "test", key: str = PUBLIC) -> str:
    with pytest.raises(IntegrityError) as caught:
        verify(signed, kind, key, Statement)
    return caught.value.error_id


def test_another_kind_key_text_or_signature_does_not_hold() -> None:
    assert refusal(SIGNED, kind="receipt") == "signature.kind"
    assert refusal(msgspec.structs.replace(SIGNED, kind="receipt"), kind="receipt") == "signature.invalid"
    assert refusal(SIGNED, key=public_key_hex(private_key(2))) == "signature.key"
    assert refusal(msgspec.structs.replace(SIGNED, body=SIGNED.body + " ")) == "signature.invalid"
    assert refusal(msgspec.structs.replace(SIGNED, signature="00" * 64)) == "signature.invalid"


@given(st.integers(0, 511))
def test_every_bit_of_a_signature_counts(bit: int) -> None:
    injured = bytearray.fromhex(SIGNED.signature)
    injured[bit >> 3] ^= 1 << (bit & 7)
    assert refusal(msgspec.structs.replace(SIGNED, signature=injured.hex())) == "signature.invalid"


@given(TEXT, TEXT)
def test_no_key_and_no_signature_raises_anything_else(key: str, signature: str) -> None:
    signed = Signed(kind="test", body="{}", key=key, signature=signature)
    assert refusal(signed, key=key) in ("signature.invalid", "signature.body")


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert refusal(msgspec.structs.replace(SIGNED, body='{"words":"\ud800"}')) == "signature.invalid"


@pytest.mark.parametrize("value", [{"words": "w"}, {"words": "w", "number": 1, "more": 2}, {"words": 1, "number": 1}])
def test_a_signed_text_with_missing_more_or_other_fields_is_refused(value: dict[str, object]) -> None:
    assert refusal(sign("test", value, KEY)) == "signature.body"


@pytest.mark.parametrize("body", ["[" * 60_000, '{"number":' + "9" * 5_000 + "}", '{"hint":' * 9_000, "", "nul"])
def test_a_signer_of_nonsense_is_refused_and_crashes_nobody(body: str) -> None:
    signed = Signed("test", body, PUBLIC, KEY.sign(_message("test", body.encode())).hex())
    with pytest.raises(IntegrityError, match=r"signature\.body"):
        verify(signed, "test", PUBLIC, Statement)
