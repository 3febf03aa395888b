import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt_coordinator.create.spool import PART_BYTES, PARTS_MOST, Document, Held, Spool

U16 = np.dtype("<u2")


def tokens_of(document: bytes) -> np.ndarray:
    return np.frombuffer(document, dtype=np.uint8).astype(U16) + 300


def taken(spool: Spool) -> list[Document]:
    return [document for number in range(spool.parts) for document in spool.part(number)]


@given(documents=st.lists(st.binary(min_size=1, max_size=50), max_size=60), parts=st.integers(1, 5))
def test_documents_come_out_once_each_in_the_order_of_their_digests(
    documents: list[bytes], parts: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), U16, parts * PART_BYTES)
    assert spool.parts == parts
    for document in documents:
        spool.add(document, tokens_of(document))
    distinct = sorted(set(documents), key=lambda document: hashlib.sha256(document).digest())
    assert spool.held() == Held(len(distinct), sum(map(len, distinct)), sum(map(len, distinct)))
    found = taken(spool)
    assert [document.tokens.tolist() for document in found] == [tokens_of(document).tolist() for document in distinct]
    assert [document.text_bytes for document in found] == [len(document) for document in distinct]


def test_a_part_is_about_as_large_as_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path, U16, 4 * PART_BYTES)
    for number in range(4_000):
        spool.add(b"%d" % number, tokens_of(b"x"))
    assert all(800 < len(list(spool.part(number))) < 1_200 for number in range(4))


def test_however_much_is_expected_there_are_so_many_files_and_no_more(tmp_path: Path) -> None:
    assert Spool(tmp_path, U16, 0).parts == 1
    assert Spool(tmp_path, U16, 2**60).parts == PARTS_MOST
