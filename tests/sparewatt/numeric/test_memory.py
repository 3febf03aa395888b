import subprocess
import sys

from sparewatt.numeric.memory import keep_freed_memory

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


def test_an_array_as_large_as_the_one_before_takes_its_memory_and_none_of_the_systems() -> None:
    if sys.platform != "linux":
        assert not keep_freed_memory(), "what other systems' libraries do is left as it is"
        return
    # 20 arrays of 4 MiB are 20,480 pages, each of which the system would clear at its first use.
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 100
