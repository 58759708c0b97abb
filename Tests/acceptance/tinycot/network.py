"""A network of one's own: a namespace in which all of 10.0.0.0/8 is this machine.

Connections can come from as many addresses as a test likes, none of them the loopback, and nothing
outside can see or be seen. Everything that the test starts while it is inside is inside, too.
"""

import contextlib
import ctypes
import os
import subprocess

_CLONE_NEWNET = 0x4000_0000
SERVER = "10.0.0.1"


class NotPermitted(Exception):
    """This system gives no network namespaces to us."""


@contextlib.contextmanager
def own():
    """Inside, this thread and whatever it starts see the new network alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as before:
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise NotPermitted(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            # On lo, a prefix is wholly local.
            for words in ("link set lo up", f"address add {SERVER}/8 dev lo"):
                done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
                if done.returncode != 0:
                    raise NotPermitted(f"ip {words}: {done.stderr.strip()}")
            yield
        finally:
            if libc.setns(before.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot leave the network namespace")


def address(number, network=9):
    """The n-th of 65,000 addresses."""
    return f"10.{network}.{number // 250}.{number % 250 + 1}"
