"""The device layer on a computer that has only a CPU for certain."""

import pytest
import torch

from sparewatt.errors import InputError, UnavailableError
from sparewatt.training.device import PassMemory, is_out_of_memory, open_device


def test_the_cpu_computes_in_fp32_with_the_threads_it_was_lent() -> None:
    device = open_device("cpu", 1)
    assert torch.get_num_threads() == 1
    assert device.name == "CPU (1 thread)"
    with device.computing():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    device.synchronize()
    device.free_cache()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a card")
def test_a_card_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match=r"device\.absent"):
        open_device("cuda", 1)


def test_other_devices_are_refused() -> None:
    with pytest.raises(InputError, match=r"device\.kind_unknown"):
        open_device("tpu", 1)
    with pytest.raises(InputError, match=r"device\.threads"):
        open_device("cpu", 0)


def test_running_out_of_memory_is_told_from_other_failures() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_processor_says_nothing_of_memory_that_only_the_system_knows() -> None:
    device = open_device("cpu", 1)
    assert device.compute == "fp32"
    assert device.free_bytes() is None
    assert device.pass_memory(device.begin_pass()) is None


def test_the_peak_of_a_pass_says_how_many_sequences_would_fit() -> None:
    assert PassMemory(before_bytes=100, peak_bytes=140, free_bytes=35).sequences_fitting(4) == 7
    assert PassMemory(before_bytes=100, peak_bytes=140, free_bytes=0).sequences_fitting(4) == 4
    assert PassMemory(before_bytes=100, peak_bytes=100, free_bytes=0).sequences_fitting(4) == 1
