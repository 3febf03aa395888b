import subprocess
import sys

import pytest

PROGRAM = """
import resource
from sparewatt.numeric.memory import keep_freed_memory
import numpy as np

def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        np.ones(1 << 19)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert keep_freed_memory()
faults(1)
print(faults(20))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library on Linux has the setting")
def test_an_array_as_large_as_the_one_before_takes_its_memory_and_none_of_the_systems() -> None:
    # 20 arrays of 4 MiB are 20,480 pages, each of which the system would clear at its first use.
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 100


@pytest.mark.skipif(sys.platform == "linux", reason="what other systems' libraries do is left as it is")
def test_elsewhere_nothing_is_changed() -> None:
    from sparewatt.numeric.memory import keep_freed_memory

    assert not keep_freed_memory()
