"""A process that lets nobody read its command line, its environment, its maps.

It replaces a mapping of a file whose file system writes the pages back first:
meanwhile the address space is locked. The file system, in this program as well,
never answers the write. Any user may do so who may mount by FUSE.

Usage: locked_words.py FOLDER. Writes the pid, then stays until standard input
ends.
"""

import ctypes
import os
import signal
import struct
import sys
import threading

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
CLONE_NEWNS, MS_REC_PRIVATE = 0x20000, 0x44000
SIZE = 4096
FILE = 2
FOR_EVER = 9999
READ_WRITE, SHARED, PRIVATE_FIXED_ANONYMOUS = 3, 1, 0x32


def check(result):
    if result != 0:
        sys.exit(os.strerror(ctypes.get_errno()))


folder = sys.argv[1]
check(libc.unshare(CLONE_NEWNS))
check(libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None))
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
check(libc.mount(b"test", folder.encode(), b"fuse", 0, options.encode()))


def attributes(inode):
    mode = 0o100644 if inode == FILE else 0o40755
    return struct.pack("<6Q10I", inode, SIZE, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, SIZE, 0)


def serve(locked):
    answers = {
        26: lambda node: struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 16, 12, 65536, 1, 1, 0, *[0] * 8)[:64],
        1: lambda node: struct.pack("<4Q2I", FILE, 0, FOR_EVER, FOR_EVER, 0, 0) + attributes(FILE),
        3: lambda node: struct.pack("<Q2I", FOR_EVER, 0, 0) + attributes(node),
        14: lambda node: struct.pack("<Q2I", 1, 0, 0),
        15: lambda node: b"x" * SIZE,
        25: lambda node: b"",
    }
    while True:
        request = os.read(device, 1 << 20)
        _, operation, unique, node = struct.unpack_from("<2I2Q", request)
        if operation == 16:  # the write that is never answered
            locked.set()
        elif operation in answers:
            data = answers[operation](node)
            os.write(device, struct.pack("<IiQ", 16 + len(data), 0, unique) + data)
        elif operation not in (2, 42):
            os.write(device, struct.pack("<IiQ", 16, -38, unique))


child = os.fork()
if child == 0:
    os.close(device)
    file = os.open(f"{folder}/file", os.O_RDWR)
    at = libc.mmap(None, SIZE, READ_WRITE, SHARED, file, 0)
    ctypes.memset(at, 65, 1)
    libc.mmap(at, SIZE, READ_WRITE, PRIVATE_FIXED_ANONYMOUS, -1, 0)
    os._exit(1)

locked = threading.Event()
threading.Thread(target=serve, args=[locked], daemon=True).start()
if locked.wait(20):
    print(child, flush=True)
    sys.stdin.read()
os.kill(child, signal.SIGKILL)
os._exit(0)
