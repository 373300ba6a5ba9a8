"""One process that waits for children, threads, signals, locks and pipes; it prints a line for each wait, in order.

A line is the call and what ended it, as the table `wait` must say. Everything waited for takes DELAY.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

DELAY = 0.05


def later(work: Callable[[], object]) -> int:
    """Do it in a child, after a while; its process id."""
    child = os.fork()
    if child == 0:
        time.sleep(DELAY)
        work()
        os._exit(0)
    return child


def says(call: str, ended_by: str) -> None:
    print(call, ended_by, flush=True)


def children() -> None:
    os.waitpid(later(os.getpid), 0)
    says("wait4", "child")
    os.waitid(os.P_PID, later(os.getpid), os.WEXITED)
    says("waitid", "child")
    child = later(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    os.waitpid(child, os.WUNTRACED)
    says("wait4", "child")
    os.kill(child, signal.SIGCONT)
    os.waitpid(child, 0)


def threads() -> None:
    lock = threading.Lock()
    lock.acquire()

    def release() -> None:
        time.sleep(DELAY)
        lock.release()

    thread = threading.Thread(target=release)
    thread.start()
    lock.acquire()
    says("futex", "peer")
    thread.join()


def signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.sigtimedwait([signal.SIGALRM], DELAY)
    says("rt_sigtimedwait", "timeout")
    signal.setitimer(signal.ITIMER_REAL, DELAY)
    signal.sigwaitinfo([signal.SIGALRM])
    says("rt_sigtimedwait", "signal")


def pipes() -> None:
    out, into = os.pipe()

    def write() -> None:
        os.close(out)
        os.write(into, b"x")
        time.sleep(DELAY)
        os.close(into)
        time.sleep(DELAY)

    child = later(write)
    os.close(into)
    for call in ("read", "read"):
        os.read(out, 10)
        says(call, "peer")
    os.waitpid(child, 0)
    out, into = os.pipe()
    child = later(lambda: os.read(out, 65536))
    os.write(into, bytes(65536))
    os.write(into, b"x")
    says("write", "peer")
    os.waitpid(child, 0)


if __name__ == "__main__":
    children()
    threads()
    signals()
    pipes()
