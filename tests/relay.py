"""A TCP relay that can fall silent, break, or stop listening: a network for tests."""

import contextlib
import socket
import threading
from functools import partial


class Line:
    """Relays a loopback port to a place until told otherwise."""

    def __init__(self, to):
        self._to = to
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._pairs, self._threads = [], []
        self._flowing = threading.Event()
        self._flowing.set()
        self.refusing = False
        self.deaf = False
        """Deliver what is said to the place, and drop what it answers."""
        self.connections = 0
        self._deafened = set()
        self._start(self._accept)

    def silence(self):
        """Deliver nothing any more, and tell nobody."""
        self._flowing.clear()

    def speak(self):
        self._flowing.set()

    def deafen(self):
        """From now on, drop what is answered on the connections that there are; new ones are whole."""
        self._deafened |= {near for near, _ in self._pairs}

    def reset(self):
        """Break every connection."""
        pairs, self._pairs = self._pairs, []
        for each in (each for pair in pairs for each in pair):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self):
        self._door.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._flowing.set()
        self.reset()
        for thread in self._threads:
            thread.join()
        self._door.close()

    def _start(self, move, *args):
        thread = threading.Thread(target=move, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            self.connections += 1
            far = socket.create_connection(self._to)
            self._pairs.append((near, far))
            self._start(self._move, near, far, lambda: False)
            self._start(self._move, far, near, partial(self._is_deaf, near))

    def _is_deaf(self, near):
        return self.deaf or near in self._deafened

    def _move(self, source, sink, dropped):
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                if not dropped():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
