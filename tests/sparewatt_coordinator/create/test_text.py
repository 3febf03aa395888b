from pathlib import Path

from sparewatt_coordinator.create.documents import DOCUMENT_BYTES_MOST
from sparewatt_coordinator.create.text import collect, split

PLENTY = 1 << 20


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_the_same_documents_are_chosen_wherever_the_folder_lies(tmp_path: Path) -> None:
    files = {f"file_{number}": bytes([97 + number]) * 1_000 for number in range(20)}
    first = collect(write(tmp_path / "one", **files), 5_000)
    second = collect(write(tmp_path / "two", **dict(reversed(files.items()))), 5_000)
    assert first == second
    assert first.bytes_total == 5_000


def test_equal_documents_count_once(tmp_path: Path) -> None:
    assert collect(write(tmp_path, a=b"same", b=b"same"), PLENTY).bytes_total == 4


def test_a_single_long_file_is_cut_into_documents_at_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    lines = [b"line %d\n" % number for number in range(30_000)]
    path.write_bytes(b"".join(lines))
    documents = collect(path, PLENTY)
    assert documents.bytes_total == path.stat().st_size
    assert all(len(text) <= DOCUMENT_BYTES_MOST and text.endswith(b"\n") for text in documents.texts)


def test_a_line_without_end_is_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(bytes(97 + number // DOCUMENT_BYTES_MOST for number in range(3 * DOCUMENT_BYTES_MOST)))
    assert len(collect(path, PLENTY).texts) == 3


def test_a_tenth_is_held_out_by_content_alone(tmp_path: Path) -> None:
    files = {f"file_{number}": b"%04d " % number * 200 for number in range(100)}
    text = split(collect(write(tmp_path, **files), PLENTY))
    held_out, training = set(text.held_out.split(b"\n")), set(text.training.split(b"\n"))
    assert len(held_out) == 10
    assert held_out | training == set(files.values())
    assert not held_out & training
    renamed = {f"other_{number}": data for number, data in enumerate(files.values())}
    assert split(collect(write(tmp_path / "renamed", **renamed), PLENTY)) == text
