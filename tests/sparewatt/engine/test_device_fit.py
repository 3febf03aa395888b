"""Whether a run fits a device, before anything is started."""

import msgspec
import pytest

from sparewatt.engine.device_fit import check_memory, check_optimiser, free_bytes, needed_bytes, suited
from sparewatt.errors import UnavailableError
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.testing.run import FakeRun
from sparewatt.wording.errors import sentence
from sparewatt.work.model import ModelSpec, parameter_count

CARD = Device("cuda:GPU-1", "cuda", "A card", "cuda-1", memory_bytes=4_000_000_000)
PROCESSOR = Device("cpu", "cpu", "Processor", "cpu", memory_bytes=None)
LARGE = ModelSpec("llama", 32_000, 1_024, 2_752, 24, 16, 16, 1_024)
EIGHT_BIT = msgspec.structs.replace(FakeRun().manifest.optimiser, name="adamw-8bit")
MANIFEST = msgspec.structs.replace(FakeRun().manifest, model=LARGE)


def test_a_card_has_what_other_programs_leave_of_its_own_memory() -> None:
    assert free_bytes(CARD, None, None) is None
    assert free_bytes(CARD, Sample("cuda:GPU-1", 0.0, memory_others_bytes=1_500_000_000), None) == 2_500_000_000
    assert free_bytes(CARD, Sample("cuda:GPU-1", 0.0, memory_others_bytes=9_000_000_000), None) == 0
    assert free_bytes(PROCESSOR, Sample("cpu", 0.0, memory_others_bytes=1), None) is None


def test_what_does_not_fit_is_said_in_numbers() -> None:
    with pytest.raises(UnavailableError, match=r"device\.memory_needed") as refused:
        check_memory(MANIFEST, CARD, 4_000_000_000)
    said = sentence(refused.value)
    assert "needs about 7.0 GB" in said
    assert "4.0 GB are free" in said


def test_what_fits_or_cannot_be_known_is_left_to_the_worker() -> None:
    check_memory(MANIFEST, CARD, needed_bytes(MANIFEST, CARD))
    check_memory(MANIFEST, CARD, None)


def test_a_processor_needs_the_shared_areas_of_the_same_memory() -> None:
    assert needed_bytes(MANIFEST, PROCESSOR) > needed_bytes(MANIFEST, CARD) + 1_000_000_000


def test_moments_of_eight_bits_need_some_six_bytes_a_parameter_less() -> None:
    smaller = msgspec.structs.replace(MANIFEST, optimiser=EIGHT_BIT)
    saved = needed_bytes(MANIFEST, CARD) - needed_bytes(smaller, CARD)
    assert 5.9 < saved / parameter_count(LARGE) / 1.1 < 6.0


def test_moments_of_eight_bits_are_for_cards_with_cuda_alone() -> None:
    run = msgspec.structs.replace(MANIFEST, optimiser=EIGHT_BIT)
    check_optimiser(run, CARD)
    check_optimiser(MANIFEST, PROCESSOR)
    plain, eight = FakeRun(), FakeRun(seed=2)
    eight.manifest = run
    assert suited((eight, plain), CARD) == [eight, plain]
    assert suited((eight, plain), PROCESSOR) == [plain]
    assert suited((eight,), PROCESSOR) == (eight,), "where it waits it can say why"
    with pytest.raises(UnavailableError, match=r"optimiser\.device") as refused:
        check_optimiser(run, PROCESSOR)
    assert "so Processor has no part in it" in sentence(refused.value)
