"""Numbers of the system calls that an isolated process is refused, and how they are told apart by machine.

x86_64 has a table of its own, aarch64 the kernel's general one (``asm/unistd_64.h``, ``asm-generic/unistd.h``). None:
the machine does not have the call.
"""

from dataclasses import dataclass
from typing import Final

# A call that is newer than these tables is answered as if the kernel did not have it: what it can do is not known.
NEWEST_KNOWN: Final = 462

_BOTH = tuple[int | None, int | None]

SOCKETS: Final[dict[str, _BOTH]] = {
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "recvfrom": (45, 207), "recvmsg": (47, 212), "recvmmsg": (299, 243),
}  # fmt: skip
# These reach somebody; they are refused even where sockets as such are needed.
SPEAKING: Final[dict[str, _BOTH]] = {
    "connect": (42, 203), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # System V and POSIX queues, semaphores and memory are shared with every program of the same user.
    "mq_open": (240, 180), "mq_unlink": (241, 181), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    # Opens, connects and sends in the kernel's own threads, which no filter sees.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
PROGRAMS: Final[dict[str, _BOTH]] = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130),
}  # fmt: skip
# Those of them that start a program; the others touch one that runs.
STARTING: Final = frozenset({"execve", "fork", "vfork"})
PRIVILEGES: Final[dict[str, _BOTH]] = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "mount_setattr": (442, 442),
    "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "unshare": (272, 97), "setns": (308, 268), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    # The kernel's keyrings hold the person's secrets.
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "personality": (135, 92), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "syslog": (103, 116), "vhangup": (153, 58), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "fanotify_init": (300, 262),
    "uselib": (134, None), "_sysctl": (156, None), "create_module": (174, None), "move_pages": (279, 239),
    "migrate_pages": (256, 238),
}  # fmt: skip
# Landlock says nothing about what a file's entry holds besides its content.
ATTRIBUTES: Final[dict[str, _BOTH]] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "truncate": (76, 45),
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """One kind of processor.

    Attributes:
        name: as `platform.machine` says.
        audit: as the kernel tells a filter (``linux/audit.h``).
        column: in the tables above.
    """

    name: str
    audit: int
    column: int
    seccomp: int
    clone: int
    clone3: int
    socket: int
    ioctl: int
    kill: int
    tgkill: int
    rt_sigqueueinfo: int
    rt_tgsigqueueinfo: int
    prlimit64: int

    def numbers(self, table: dict[str, _BOTH]) -> tuple[int, ...]:
        """The table's calls on this machine."""
        found = (both[self.column] for both in table.values())
        return tuple(number for number in found if number is not None)


X86_64: Final = Machine(
    name="x86_64", audit=0xC000003E, column=0, seccomp=317, clone=56, clone3=435, socket=41, ioctl=16, kill=62,
    tgkill=234, rt_sigqueueinfo=129, rt_tgsigqueueinfo=297, prlimit64=302,
)  # fmt: skip
AARCH64: Final = Machine(
    name="aarch64", audit=0xC00000B7, column=1, seccomp=277, clone=220, clone3=435, socket=198, ioctl=29, kill=129,
    tgkill=131, rt_sigqueueinfo=138, rt_tgsigqueueinfo=240, prlimit64=261,
)  # fmt: skip
MACHINES: Final = {machine.name: machine for machine in (X86_64, AARCH64)}
