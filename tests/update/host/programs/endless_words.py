"""A process whose command line is said to have gigabytes: QEMU's name, and NULs.

Any user may do so: prctl(2), PR_SET_MM_MAP. Writes its pid, then stays.
"""

import ctypes
import mmap
import os
import signal
import sys

PR_SET_MM, PR_SET_MM_MAP = 35, 14
MAP_NORESERVE = 0x4000
SIZE = 3 << 30
NAME = b"qemu-system-x86_64\0"


class Map(ctypes.Structure):
    _fields_ = [
        *[(name, ctypes.c_uint64) for name in (
            "start_code", "end_code", "start_data", "end_data", "start_brk",
            "brk", "start_stack", "arg_start", "arg_end", "env_start",
            "env_end", "auxv")],
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    ]


libc = ctypes.CDLL(None, use_errno=True)
libc.sbrk.restype = ctypes.c_void_p
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
with open("/proc/self/stat") as file:
    fields = file.read().rsplit(")", 1)[1].split()
stat = {number: int(fields[number - 3]) for number in (26, 27, 28, 45, 46, 47, 50, 51)}
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
words = mmap.mmap(-1, SIZE, flags=flags)
words[:len(NAME)] = NAME
start = ctypes.addressof(ctypes.c_char.from_buffer(words))
layout = Map(
    stat[26], stat[27], stat[45], stat[46], stat[47], libc.sbrk(0), stat[28],
    start, start + SIZE, stat[50], stat[51], 0, 0, 0xFFFFFFFF)
if libc.prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.addressof(layout),
              ctypes.sizeof(layout), 0) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print(os.getpid(), flush=True)
signal.pause()
