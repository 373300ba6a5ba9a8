"""Echo servers for one connection, each in another style of Python: `python echo_servers.py STYLE PORT`."""

import asyncio
import socket
import sys
import threading

HOST = "127.0.0.1"


def threaded(port: int) -> None:
    """One thread accepts, another reads, a third writes: the socket crosses threads."""
    with socket.create_server((HOST, port)) as listener:
        connection, _ = listener.accept()
    parts: list[bytes] = []
    filled = threading.Semaphore(0)

    def read() -> None:
        while True:
            parts.append(connection.recv(4096))
            filled.release()
            if not parts[-1]:
                return

    def write() -> None:
        at = 0
        while filled.acquire() and parts[at]:
            connection.sendall(parts[at])
            at += 1
        connection.shutdown(socket.SHUT_WR)

    threads = [threading.Thread(target=work) for work in (read, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()


def event_loop(port: int) -> None:
    """asyncio streams."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(8192):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        done.set()

    async def main() -> None:
        async with await asyncio.start_server(serve, HOST, port):
            await done.wait()

    asyncio.run(main())


STYLES = {"threaded": threaded, "asyncio": event_loop}

if __name__ == "__main__":
    STYLES[sys.argv[1]](int(sys.argv[2]))
