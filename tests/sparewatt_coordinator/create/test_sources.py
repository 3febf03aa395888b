import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt_coordinator.create import sources
from sparewatt_coordinator.create.sources import find_sources, look_through


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def found(folder: Path) -> set[str]:
    return {source.path.relative_to(folder).as_posix() for source in find_sources(folder)}


def refused(path: Path) -> InputError:
    (source,) = find_sources(path)
    with pytest.raises(InputError) as caught:
        look_through(source)
    return caught.value


def test_caches_hidden_folders_and_installed_packages_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, a=b"kept", sub__b=b"kept", __pycache____b=b"x", packages__c=b"y")
    (tmp_path / "packages").rename(tmp_path / "site-packages")
    write(tmp_path / ".git", config=b"z")
    assert found(tmp_path) == {"a", "sub/b"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", secret=b"secret")
    inside = write(tmp_path / "inside", a=b"kept")
    (inside / "link").symlink_to(tmp_path / "outside" / "secret")
    assert found(inside) == {"a"}


def test_files_come_in_an_order_that_does_not_depend_on_where_the_folder_lies(tmp_path: Path) -> None:
    names = [f"file_{number}" for number in range(30)]
    one = write(tmp_path / "one", **dict.fromkeys(names, b"x"))
    two = write(tmp_path / "two", **dict.fromkeys(reversed(names), b"x"))
    assert [each.name for each in find_sources(one)] == [each.name for each in find_sources(two)]
    assert [each.name for each in find_sources(one)] != sorted(names)


def test_an_ending_says_what_a_file_is_and_that_it_is_meant(tmp_path: Path) -> None:
    write(tmp_path, a_DOT_txt=b"x", b_DOT_jsonl=b"x", c_DOT_parquet=b"x", d_DOT_py=b"x")
    kinds = {source.name: (source.kind, source.meant) for source in find_sources(tmp_path)}
    assert kinds == {
        "a.txt": ("text", True),
        "b.jsonl": ("json_lines", True),
        "c.parquet": ("parquet", True),
        "d.py": ("text", False),
    }
    (named,) = find_sources(tmp_path / "d.py")
    assert named.meant


def test_a_file_is_known_by_its_size_and_digest(tmp_path: Path) -> None:
    (source,) = find_sources(write(tmp_path, a=b"some text"))
    looked = look_through(source)
    assert (looked.name, looked.size, looked.sha256) == ("a", 9, hashlib.sha256(b"some text").hexdigest())


def test_a_name_that_no_screen_could_show_is_made_plain(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31mb").write_bytes(b"text")
    (source,) = find_sources(tmp_path)
    assert look_through(source).name == "a [31mb"


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
def test_an_empty_file_is_named(content: bytes, tmp_path: Path) -> None:
    write(tmp_path, a_DOT_txt=content)
    error = refused(tmp_path / "a.txt")
    assert (error.error_id, error.parameters) == ("text.empty", {"file": "a.txt"})


def test_a_binary_file_is_named_with_the_place_of_its_first_zero(tmp_path: Path) -> None:
    write(tmp_path, a_DOT_txt=b"one\ntwo\0three")
    error = refused(tmp_path / "a.txt")
    assert (error.error_id, error.parameters) == ("text.binary", {"file": "a.txt", "offset": 7})


def test_a_file_that_is_not_utf_8_is_named_with_line_and_byte(tmp_path: Path) -> None:
    write(tmp_path, a_DOT_txt="eins\nzwei\ndrei Äpfel\n".encode("latin-1"))
    error = refused(tmp_path / "a.txt")
    assert (error.error_id, error.parameters) == ("text.not_utf8", {"file": "a.txt", "line": 3, "offset": 15})


def test_a_character_that_is_cut_off_at_the_end_is_no_text(tmp_path: Path) -> None:
    write(tmp_path, a_DOT_txt="Ä".encode()[:1])
    assert refused(tmp_path / "a.txt").parameters == {"file": "a.txt", "line": 1, "offset": 0}


@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
    step=st.integers(1, 7),
    bad=st.none() | st.integers(0, 200),
)
def test_pieces_in_which_a_file_is_read_change_nothing(text: str, step: int, bad: int | None) -> None:
    data = f"x{text}".encode()
    if bad is not None and bad < len(data):
        data = data[:bad] + b"\xff" + data[bad:]

    def told(size: int) -> tuple[str, object] | bool:
        check = sources._TextCheck("file")
        try:
            for first in range(0, len(data), size):
                check.feed(data[first : first + size], final=False)
            check.feed(b"", final=True)
        except InputError as error:
            return error.error_id, error.parameters
        return check.blank

    assert told(step) == told(len(data) + 1)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text\.missing"):
        find_sources(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"text\.unreadable"):
        find_sources(tmp_path)
    (source,) = find_sources(write(tmp_path, a=b"x"))
    (tmp_path / "a").unlink()
    with pytest.raises(InputError, match=r"text\.file_missing"):
        look_through(source)
