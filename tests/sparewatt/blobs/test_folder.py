"""Blobs: under their hash or not at all, within the limit, whole after every crash."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import IntegrityError, ProtocolError, StorageError
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.work.version import BlobRef

DATA = b"".join(bytes([each]) * CHUNK_BYTES for each in range(20)) + b"end"
BLOB = BlobRef(sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))


def chunk(index: int) -> bytes:
    return DATA[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]


def test_bytes_and_files_are_found_under_their_hash(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "blobs")
    (tmp_path / "source").write_bytes(DATA)
    assert not folder.has(BLOB.sha256)
    assert folder.add_file(tmp_path / "source") == BLOB
    assert folder.add_bytes(DATA) == BLOB
    assert folder.has(BLOB.sha256)
    assert folder.path(BLOB.sha256).read_bytes() == folder.read(BLOB) == DATA
    folder.remove(BLOB.sha256)
    assert not folder.has(BLOB.sha256)
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_a_file_that_is_taken_becomes_the_blob_and_is_no_longer_where_it_was(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "blobs")
    for _ in range(2):
        (tmp_path / "source").write_bytes(DATA)
        assert folder.take_file(tmp_path / "source") == BLOB
        assert not (tmp_path / "source").exists()
        assert folder.read(BLOB) == DATA


def test_a_taken_file_finds_no_room_where_everything_is_pinned(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "blobs", bytes_most=len(DATA) + 10)
    folder.pin(folder.add_bytes(DATA).sha256)
    (tmp_path / "source").write_bytes(b"more than is left")
    with pytest.raises(StorageError, match=r"storage\.cache_full"):
        folder.take_file(tmp_path / "source")
    assert (tmp_path / "source").exists()


def test_a_damaged_blob_is_removed_when_it_is_read(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    blob = folder.add_bytes(b"good")
    folder.path(blob.sha256).write_bytes(b"evil")
    with pytest.raises(IntegrityError, match=r"blob\.hash"):
        folder.read(blob)
    assert not folder.has(blob.sha256)
    with pytest.raises(StorageError, match=r"storage\.blob_missing"):
        folder.read(blob)


def test_an_adding_that_was_cut_off_is_cleaned_up(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    (tmp_path / "incoming" / "1234.adding").write_bytes(b"half")
    assert folder.clean() == 1
    assert folder.size_bytes() == 0


@pytest.mark.skipif(
    os.name == "nt", reason="Windows has no mode bits; a person's folders there are private by their place"
)
def test_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "a" / "blobs")
    assert folder.root.stat().st_mode & 0o777 == 0o700


def test_an_unusable_folder_is_said_in_an_id(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"storage\.unusable"):
        BlobFolder(tmp_path / "file" / "blobs")


# The limit


def test_the_least_recently_used_blob_makes_room_but_never_a_pinned_one(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path, bytes_most=3 * 4_096)
    blobs = [folder.add_bytes(bytes([each]) * 4_096) for each in range(3)]
    for age, blob in enumerate(blobs):
        os.utime(folder.path(blob.sha256), (1_000 + age, 1_000 + age))
    folder.pin(blobs[0].sha256)
    folder.add_bytes(b"n" * 4_096)
    assert [folder.has(blob.sha256) for blob in blobs] == [True, False, True]
    folder.unpin(blobs[0].sha256)
    assert folder.size_bytes() <= 3 * 4_096


def test_when_everything_is_pinned_the_cache_is_full(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path, bytes_most=8_192)
    folder.pin(folder.add_bytes(b"a" * 8_192).sha256)
    with pytest.raises(StorageError, match=r"storage\.cache_full"):
        folder.add_bytes(b"b" * 4_096)
    with pytest.raises(StorageError, match=r"storage\.cache_full"):
        folder.partial(BLOB)


# Partial blobs


def test_chunks_in_any_order_make_the_blob(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    partial = folder.partial(BLOB)
    for index in reversed(range(21)):
        partial.write(index, chunk(index))
        partial.write(index, chunk(index))
    partial.finish()
    assert folder.read(BLOB) == DATA
    assert list((tmp_path / "incoming").iterdir()) == []


def test_an_empty_blob_is_whole_at_once(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    empty = BlobRef(sha256=hashlib.sha256(b"").hexdigest(), size=0)
    folder.partial(empty).finish()
    assert folder.read(empty) == b""


def test_a_closed_partial_blob_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    partial = folder.partial(BLOB)
    for index in (0, 1, 5):
        partial.write(index, chunk(index))
    partial.close()
    again = BlobFolder(tmp_path).partial(BLOB)
    assert again.have.missing() == ((2, 3), (6, 15))
    again.close()


def test_killed_after_each_chunk_it_knows_of_no_chunk_that_is_not_there(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "live")
    partial = folder.partial(BLOB)
    for index in range(21):
        partial.write(index, chunk(index))
        shutil.copytree(tmp_path / "live", tmp_path / f"killed-{index}")
        after = BlobFolder(tmp_path / f"killed-{index}")
        again = after.partial(BLOB)
        assert again.have.present == (16 if index >= 15 else 0), "what was noted, which is never more than is there"
        for first, count in again.have.missing():
            for lacking in range(first, first + count):
                again.write(lacking, chunk(lacking))
        again.finish()
        assert after.read(BLOB) == DATA
    partial.discard()


def test_chunks_that_the_disk_has_are_written_down_when_it_is_asked_for(tmp_path: Path) -> None:
    partial = BlobFolder(tmp_path / "live").partial(BLOB)
    for index in range(16):
        assert not partial.sync_due
        partial.write(index, chunk(index), sync=False)
    assert partial.sync_due
    partial.sync(note=False)
    assert not partial.sync_due
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    partial.close()
    for folder, present in (("killed", 0), ("live", 16)):
        again = BlobFolder(tmp_path / folder).partial(BLOB)
        assert again.have.present == present
        again.close()


@pytest.mark.parametrize("note", [b"", b"short", bytes(35), b"\xff" * 35])
def test_a_note_that_is_torn_or_another_files_is_ignored(tmp_path: Path, note: bytes) -> None:
    folder = BlobFolder(tmp_path)
    partial = folder.partial(BLOB)
    partial.write(0, chunk(0))
    partial.close()
    (tmp_path / "incoming" / f"{BLOB.sha256}.have").write_bytes(note)
    again = folder.partial(BLOB)
    assert again.have.present == 0
    again.close()


def test_a_wrong_hash_throws_everything_away(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    partial = folder.partial(BLOB)
    for index in range(21):
        partial.write(index, bytes(len(chunk(index))))
    with pytest.raises(IntegrityError, match=r"blob\.hash"):
        partial.finish()
    assert not folder.has(BLOB.sha256)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_wrong_lengths_and_early_ends_are_refused(tmp_path: Path) -> None:
    partial = BlobFolder(tmp_path).partial(BLOB)
    for index, data in ((0, b"short"), (20, b"longer"), (21, b"x"), (-1, chunk(0)), (0, b"")):
        with pytest.raises(ProtocolError, match=r"transfer\.length"):
            partial.write(index, data)
    with pytest.raises(ProtocolError, match=r"transfer\.incomplete"):
        partial.finish()
    partial.discard()
