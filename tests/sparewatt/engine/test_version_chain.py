"""Which versions can be built, and how."""

import msgspec
import pytest

from sparewatt.engine.version_chain import LINKS_MOST, VersionChain, chain_from
from sparewatt.errors import IntegrityError
from sparewatt.work.receipt import Announcement
from sparewatt.work.version import BlobRef, VersionId


def version(number: int) -> VersionId:
    return VersionId(0, number, f"{number:064x}")


def blob(number: int, *, keyframe: bool = False) -> BlobRef:
    return BlobRef(f"{number + (1000 if keyframe else 0):064x}", 10 + number)


def announced(number: int, *, keyframe: bool = False) -> Announcement:
    return Announcement(
        run="aa" * 32,
        sequence=number + 1,
        version=version(number),
        previous=version(number - 1) if number else None,
        patch=blob(number) if number else None,
        keyframe=blob(number, keyframe=True) if keyframe else None,
        evaluations=(),
        tokens=0,
        contributors=0,
        state="open",
        words="",
        at_s=0,
    )


def fetched(chain: VersionChain) -> VersionChain:
    for missing in chain.missing:
        chain = chain.with_fetched(missing)
    return chain


def test_a_newcomer_takes_the_keyframe_and_the_patches_after_it() -> None:
    chain = chain_from(announced(2, keyframe=True), (announced(3), announced(4)), VersionChain())
    assert [step.blob for step in chain.missing] == [blob(2, keyframe=True), blob(3), blob(4)]
    assert chain.ready is None
    chain = fetched(chain)
    assert chain.ready == version(4)
    path = chain.path(None)
    assert path is not None
    assert [step.version.number for step in path] == [2, 3, 4]


def test_a_device_that_stands_on_the_chain_takes_only_what_it_lacks() -> None:
    chain = fetched(chain_from(announced(2, keyframe=True), (announced(3), announced(4)), VersionChain()))
    path = chain.path(version(3))
    assert path is not None
    assert [step.blob for step in path] == [blob(4)]
    assert chain.path(version(4)) == ()


def test_only_what_arrived_in_order_counts() -> None:
    chain = chain_from(announced(0, keyframe=True), (announced(1),), VersionChain())
    first, second = chain.missing
    assert chain.with_fetched(second).ready is None
    assert chain.with_fetched(first).ready == version(0)


def test_a_version_with_moments_is_ready_when_both_are_here() -> None:
    moments = BlobRef("ee" * 32, 5)
    with_moments = msgspec.structs.replace(announced(1), moments=moments)
    chain = chain_from(announced(0, keyframe=True), (with_moments,), VersionChain())
    assert [step.blobs for step in chain.missing] == [(blob(0, keyframe=True),), (blob(1), moments)]
    assert (chain.moments(version(0)), chain.moments(version(1)), chain.moments(version(2))) == (None, moments, None)


def test_an_announcement_extends_only_the_tip_that_it_names() -> None:
    chain = chain_from(announced(0, keyframe=True), (), VersionChain())
    assert chain.extends(announced(1))
    assert not chain.extends(announced(2))
    with pytest.raises(IntegrityError, match=r"version\.gap"):
        chain.extended(announced(2))


def test_a_long_chain_is_cut_behind_devices_that_all_stand_at_its_tip() -> None:
    patches = tuple(announced(number) for number in range(1, LINKS_MOST + 1))
    chain = fetched(chain_from(announced(0, keyframe=True), patches, VersionChain()))
    tip = version(LINKS_MOST)
    assert chain.shortened(frozenset({tip, version(3)})) == chain
    short = chain.shortened(frozenset({tip}))
    assert short.path(tip) == ()
    assert short.path(None) is None, "a device that holds nothing needs a keyframe, so one has to be asked for"
    longer = fetched(short.extended(announced(LINKS_MOST + 1)))
    path = longer.path(tip)
    assert path is not None
    assert len(path) == 1
