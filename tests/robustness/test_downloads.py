"""Whatever a server answers, a download ends with the right file or with one sentence."""

import hashlib
import socket
import threading
from contextlib import contextmanager

import pytest
from hypothesis import strategies as st

from chollet_cnn.data.download import download
from robustness.damage import ask

CONTENT = bytes(range(256)) * 4
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LENGTHS = ("", "-1", "many", "1e3", "٣", "9" * 5000, "0", "1023", "1024", "1025", "1024, 1024")
RANGES = ("", "bytes", "bytes 0-", "bytes 7-1023/1024", "bytes 0-1023/many", "x" * 999)
HEADERS = [
    *(f"Content-Length: {length}" for length in LENGTHS),
    *(f"Content-Range: {span}" for span in RANGES),
    *("Transfer-Encoding: chunked", "Location: nonsense://[", "Location: http://x:y/", "no header"),
    *("Location: /again", "Content-Encoding: gzip", "\x00: \xff", "X: " + "x" * 70_000),
]
STATUSES = ("200 OK", "206 Partial Content", "301 Moved", "302 Found", "307 T", "416 R", "500 No",
            "204 No Content", "abc", "99999 ?", "200")  # fmt: skip


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@contextmanager
def server():
    """Answer every request with the bytes of ``answer["bytes"]``; yields the address and those."""
    answer = {"bytes": b""}
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(answer["bytes"])
                except OSError:
                    continue  # the client has seen enough

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/file.bin", answer
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_odd_server(tmp_path, attack):
    file, part = tmp_path / "file.bin", tmp_path / "file.bin.part"
    bodies = st.sampled_from([CONTENT, CONTENT[:99], CONTENT[7:], CONTENT * 2, b"", b"zz\r\n"])
    answers = st.tuples(
        st.sampled_from(STATUSES), st.lists(st.sampled_from(HEADERS), max_size=3), bodies,
        st.sampled_from([None, 7, 1000]),
    )  # fmt: skip

    def check(given):
        status, headers, body, collected = given
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""])
        answer["bytes"] = head.encode() + body
        for leftover in (file, part):
            leftover.unlink(missing_ok=True)
        if collected:
            part.write_bytes(CONTENT[:collected])
        _, refusal = ask(download, url, file, len(CONTENT), SHA256)
        assert refusal or file.read_bytes() == CONTENT
        assert not (refusal and file.exists())

    with server() as (url, answer):
        attack(answers, check, 100, 3000)
