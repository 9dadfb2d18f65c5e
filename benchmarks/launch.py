"""Run a program and print its peak memory, in bytes: `python -I -S launch.py DESCRIPTOR PROGRAM [ARGUMENT …]`.

The system knows the peak also of a program that ends before it can be sampled. But it includes the memory of the process that
started the program. So programs are started from here, in a process that holds next to nothing.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(descriptor, False)
    _, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ), 0)
    os.write(descriptor, str(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)).encode())
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)  # ends as the program ended
    return code


if __name__ == "__main__":
    sys.exit(main())
