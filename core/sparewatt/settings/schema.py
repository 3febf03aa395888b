"""Every setting, once: forms, checks, the command line's help, the manual and translations derive from it.

Only what this version enforces is here. A limit that cannot be kept on a device is not offered.
"""

from types import MappingProxyType
from typing import Any, Final

from sparewatt.settings.hours import ALWAYS
from sparewatt.settings.option import Hours, Number, Option, Switch

CONTRIBUTE: Final = Switch(
    key="contribute",
    scope="computer",
    default=True,
    label="Contribute",
    help="Lend this computer's devices to the runs you joined. When off, nothing computes; results that are "
    "already finished are still delivered.",
)
HOURS: Final = Hours(
    key="hours",
    scope="computer",
    default=ALWAYS,
    label="Hours",
    help='When devices may compute, in local time: "always", or a weekly pattern such as '
    '"mo-fr 22:00-07:00; sa-su 00:00-24:00". A span may run past midnight.',
)
RUN_ON_BATTERY: Final = Switch(
    key="run_on_battery",
    scope="computer",
    default=False,
    label="Run on battery",
    help="Compute while the computer runs on its battery. When off, work goes on five minutes after mains power "
    "is back.",
)
CPU_THREADS: Final = Number(
    key="cpu_threads",
    scope="computer",
    default=0,
    minimum=0,
    maximum=1024,
    unit="threads",
    label="Processor threads",
    help="How many threads the processor lends. 0 means all but one.",
)
MEMORY_FREE_MIN_MB: Final = Number(
    key="memory_free_min_mb",
    scope="computer",
    default=1024,
    minimum=0,
    maximum=1_048_576,
    unit="MB",
    label="Memory kept free",
    help="Workers stop while less memory than this is available to your other programs.",
)
DISK_FREE_MIN_MB: Final = Number(
    key="disk_free_min_mb",
    scope="computer",
    default=2048,
    minimum=0,
    maximum=1_048_576_000,
    unit="MB",
    label="Disk kept free",
    help="Nothing new is downloaded and workers stop while the disk with Sparewatt's data has less free space "
    "than this.",
)
DISK_CACHE_LIMIT_GB: Final = Number(
    key="disk_cache_limit_gb",
    scope="computer",
    default=20,
    minimum=1,
    maximum=1_048_576,
    unit="GB",
    label="Disk used at most",
    help="How much disk the cached training data and weights of all runs may take together.",
)
DEVICE_ENABLED: Final = Switch(
    key="device_enabled",
    scope="device",
    default=True,
    label="Lend this device",
    help="On: the device computes whenever the other rules allow it. Off: never.",
)
SPEED_LIMIT_PERCENT: Final = Number(
    key="speed_limit_percent",
    scope="device",
    default=50,
    kind_defaults=MappingProxyType({"cuda": 100}),
    minimum=1,
    maximum=100,
    unit="%",
    label="Speed limit",
    help="Share of time in which the device computes at most; it pauses between small pieces of work. The default "
    "is 100 % for NVIDIA cards, and 50 % for a processor or an Apple chip, so that the computer stays quiet and "
    "answers quickly.",
)

# Heterogeneous in their value types; each use names one constant above and so keeps its type.
OPTIONS: Final[tuple[Option[Any], ...]] = (
    CONTRIBUTE,
    HOURS,
    RUN_ON_BATTERY,
    CPU_THREADS,
    MEMORY_FREE_MIN_MB,
    DISK_FREE_MIN_MB,
    DISK_CACHE_LIMIT_GB,
    DEVICE_ENABLED,
    SPEED_LIMIT_PERCENT,
)
BY_KEY: Final = MappingProxyType({option.key: option for option in OPTIONS})
