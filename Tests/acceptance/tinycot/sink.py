"""A server that only listens: it keeps what comes on each connection, and when."""

import socket
import threading
import time


class Link:
    """One accepted connection."""

    def __init__(self):
        self.data = b""
        self.accepted = time.monotonic()
        # (moment, length of data by then)
        self.moments = []
        self.ended = False


class Sink:
    """Listens on a free port. `on_accept(socket, number)` may answer, wait or close before it reads."""

    def __init__(self, host="127.0.0.1", on_accept=None, receive_buffer=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind((host, 0))
        self._listener.listen(128)
        self.port = self._listener.getsockname()[1]
        self.links = []
        self._on_accept = on_accept
        self._threads = []
        self._start(self._accept)

    def _start(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            link = Link()
            self.links.append(link)
            self._start(self._read, connection, link, len(self.links) - 1)

    def _read(self, connection, link, number):
        with connection:
            try:
                if self._on_accept and self._on_accept(connection, number) is False:
                    return
                while data := connection.recv(65_536):
                    link.data += data
                    link.moments.append((time.monotonic(), len(link.data)))
            except OSError:
                pass
            link.ended = True

    def when(self, link, length):
        """The moment at which a link had so many bytes."""
        return next(moment for moment, reached in link.moments if reached >= length)

    def close(self):
        # Closing alone does not wake the thread that waits in accept.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
