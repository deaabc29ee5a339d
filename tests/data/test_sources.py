import errno
import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from chollet_cnn.data import __main__ as door
from chollet_cnn.data import archives, cats_vs_dogs, containers, load_dataset, mnist, sources
from chollet_cnn.data.download import Unreachable, download
from chollet_cnn.errors import UserError

CONTENT = bytes(range(256)) * 4096  # one megabyte
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@contextmanager
def serving(content=CONTENT, ranges=True, break_after=None, status=None, pause=0):
    """Serve bytes on this machine; gives the address and the list of ranges asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Range"))
            time.sleep(pause)
            if status:
                self.send_error(status)
                return
            start = int(asked[-1][len("bytes=") : -1]) if ranges and asked[-1] else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:break_after])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file.bin", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "folder" / "file.bin"


def part_of(file):
    return file.with_name("file.bin.part")


def collect(file, count):
    """Leave the beginning of the file as an earlier download that broke off would."""
    file.parent.mkdir()
    part_of(file).write_bytes(CONTENT[:count])


LENGTH = len(CONTENT)
# How the server answers, how many bytes are there already, and which ranges are asked for.
WHOLE = {
    "from the start": ({}, 0, [None]),
    "resumed where it broke off": ({}, 300_000, ["bytes=300000-"]),
    "a server without ranges": ({"ranges": False}, 1000, ["bytes=1000-"]),
    "complete but not renamed": ({"status": 500}, LENGTH, []),
}
# The same, with the error and how many bytes are kept.
BROKEN = {
    "broken off": ({"break_after": 300_000}, 0, [None], Unreachable, "300,000 of", 300_000),
    "another content": ({"content": b"?" + CONTENT[1:]}, 0, [None], UserError, "not the exp", 0),
    "another size": ({"content": CONTENT + b"more"}, 0, [None], UserError, "not the expected", 0),
    "a range that is refused": (
        {"content": CONTENT[:1000]}, LENGTH - 1, [f"bytes={LENGTH - 1}-", None], UserError,
        "1,000 bytes", 0,
    ),
    "no such page": ({"status": 404}, 0, [None], Unreachable, "answered 404", 0),
}  # fmt: skip


@pytest.mark.parametrize(("server", "collected", "asked_for"), WHOLE.values(), ids=WHOLE)
def test_a_download_ends_with_the_file_and_nothing_else(file, server, collected, asked_for):
    collect(file, collected)
    with serving(**server) as (url, asked):
        download(url, file, LENGTH, SHA256)
    assert asked == asked_for
    assert file.read_bytes() == CONTENT
    assert os.listdir(file.parent) == ["file.bin"]


@pytest.mark.parametrize(
    ("server", "collected", "asked_for", "error", "why", "kept"), BROKEN.values(), ids=BROKEN
)
def test_a_download_that_fails_leaves_no_file_and_keeps_what_is_good(
    file, server, collected, asked_for, error, why, kept
):
    collect(file, collected)
    with serving(**server) as (url, asked), pytest.raises(error, match=why):
        download(url, file, LENGTH, SHA256)
    assert asked == asked_for
    assert not file.exists()
    assert (part_of(file).stat().st_size if part_of(file).exists() else 0) == kept


def test_two_downloads_of_one_file_at_a_time_ask_for_it_once(file, capsys):
    with serving(pause=0.5) as (url, asked), ThreadPoolExecutor() as pool:
        both = [pool.submit(download, url, file, len(CONTENT), SHA256) for _ in range(2)]
        assert [one.result() for one in both] == [file, file]
    assert asked == [None]
    assert os.listdir(file.parent) == ["file.bin"]
    assert file.read_bytes() == CONTENT
    assert f"waiting for another process that downloads {file}\n" in capsys.readouterr().err


def test_a_refused_connection_keeps_what_was_there(file):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/file.bin"
    collect(file, 1000)
    with pytest.raises(Unreachable, match="check the network"):
        download(url, file, LENGTH, SHA256)
    assert part_of(file).read_bytes() == CONTENT[:1000]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "folder").write_text("a file where the folder should be")
    target = tmp_path / "folder" / "inner" / "file.bin"
    with serving() as (url, _), pytest.raises(UserError, match="cannot write"):
        download(url, target, len(CONTENT), SHA256)


def test_a_folder_in_the_place_of_the_file_is_named_before_anything_is_fetched(file):
    file.mkdir(parents=True)
    with serving() as (url, asked), pytest.raises(UserError, match=r"file\.bin \(it is a folder"):
        download(url, file, LENGTH, SHA256)
    assert asked == []


def test_a_file_that_cannot_get_its_name_is_named(file, monkeypatch):
    monkeypatch.setattr(os, "replace", denied)
    with serving() as (url, _), pytest.raises(UserError, match=r"write .*Permission denied"):
        download(url, file, LENGTH, SHA256)
    assert part_of(file).read_bytes() == CONTENT


def test_the_named_folder_is_searched_first_then_the_variable_then_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path / "ours"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    expected = [tmp_path, tmp_path / "ours", tmp_path / "keras" / "datasets"]
    assert sources.search_path(tmp_path) == expected
    assert sources.download_folder() == tmp_path / "ours"
    monkeypatch.delenv("CHOLLET_CNN_DATA")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sources.search_path() == [tmp_path / ".keras" / "datasets"]
    monkeypatch.setattr(os, "access", lambda *_: False)  # as of a home that may not be written
    assert sources.search_path() == [Path("/tmp/.keras/datasets")]


def test_a_named_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        sources.search_path(tmp_path / "nowhere")


def denied(path, *_, **__):
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


@pytest.mark.parametrize("look", [lambda: sources.search_path("."), mnist.find, archives.find])
def test_a_place_that_may_not_be_looked_into_is_named(monkeypatch, look):
    monkeypatch.setenv("CHOLLET_CNN_DATA", ".")
    monkeypatch.setattr(Path, "exists", denied)
    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(UserError, match=r"^\. may not be read: check its permissions"):
        look()


@pytest.mark.parametrize(
    ("file", "opener", "read"),
    [
        ("train.zip", "zipfile.ZipFile", lambda path: containers.list_files(path, str)),
        ("mnist.npz", "pathlib.Path.read_bytes", lambda path: mnist.read((path,))),
        ("t10k-images-idx3-ubyte.gz", "pathlib.Path.read_bytes", lambda path: mnist.read((path,))),
    ],
)
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path, monkeypatch, file, opener, read
):
    (tmp_path / file).touch()
    monkeypatch.setattr(opener, denied)
    why = "(may not be read: check its|in .* \\(Permission denied\\): correct that)"
    with pytest.raises(UserError, match=f"{file} {why}"):
        read(tmp_path / file)


def test_a_home_that_nobody_knows_is_named():
    with pytest.raises(UserError, match="home folder that ~nobody-here/x begins with"):
        sources.search_path("~nobody-here/x")


def test_decoded_pictures_are_kept_where_the_variables_say(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("CHOLLET_CNN_CACHE")
    assert sources.cache_folder() == Path("/home/ada/.cache/chollet_cnn")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert sources.cache_folder() == Path("/xdg/chollet_cnn")
    monkeypatch.setenv("CHOLLET_CNN_CACHE", "/scratch")
    assert sources.cache_folder() == Path("/scratch")


def test_the_hash_of_arrays_is_that_of_their_bytes_in_c_order():
    # SHA-256 of "abc", from FIPS 180-2; the array lies in memory as "acb".
    array = np.frombuffer(b"acb\0", dtype=np.uint8).reshape(2, 2).T
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sources.sha256_of_arrays(array.ravel()[:3]) == expected
    assert sources.sha256_of_arrays(array) == hashlib.sha256(b"abc\0").hexdigest()


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="mnist, cats-vs-dogs, digits"):
        load_dataset("imagenet")


def test_fetch_downloads_once_and_then_says_that_all_is_there(tmp_path, monkeypatch, capsys):
    with serving() as (url, asked):
        monkeypatch.setattr(cats_vs_dogs, "URL", url)
        monkeypatch.setattr(cats_vs_dogs, "FILE_SIZE", len(CONTENT))
        monkeypatch.setattr(cats_vs_dogs, "FILE_SHA256", SHA256)
        arguments = ["fetch", "cats-vs-dogs", "--data-dir", str(tmp_path / "new one")]
        assert door.main(arguments) == 0
        first = capsys.readouterr().out
        assert door.main(arguments) == 0
        second = capsys.readouterr().out
    assert len(asked) == 1
    assert f"is now in {tmp_path}/new one/kagglecatsanddogs_5340.zip" in first
    assert "already there, and complete" in second
    assert f"train cats-vs-dogs-first-edition --data-dir '{tmp_path}/new one'" in second


def test_a_web_page_in_place_of_the_file_costs_nothing_that_was_received(tmp_path):
    part = tmp_path / "file.part"
    part.write_bytes(CONTENT[:700_000])

    class Portal(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<html>Please sign in")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/file"
    with pytest.raises(Unreachable, match="a web page was sent instead"):
        download(url, tmp_path / "file", len(CONTENT), SHA256)
    server.shutdown()
    assert part.read_bytes() == CONTENT[:700_000]


def test_a_disk_that_is_gone_is_named():
    gone = OSError(errno.ENOTCONN, "Transport endpoint is not connected", "/mnt/pictures")
    words = r"/mnt/pictures cannot be read \(Transport end"
    with pytest.raises(UserError, match=words), sources.permitted():
        raise gone


def test_fetch_replaces_a_damaged_mnist(tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").write_bytes(CONTENT[:99])
    with serving() as (url, _):
        monkeypatch.setattr(mnist, "URL", url)
        monkeypatch.setattr(mnist, "FILE_SIZE", len(CONTENT))
        monkeypatch.setattr(mnist, "FILE_SHA256", SHA256)
        door.main(["fetch", "mnist", "--data-dir", str(tmp_path)])
    assert (tmp_path / "mnist.npz").read_bytes() == CONTENT


def test_where_downloads_nothing_and_names_every_data_set(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CHOLLET_CNN_DATA", raising=False)
    assert door.main(["where", "--data-dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["mnist", "not found"]
    assert lines[1].split(maxsplit=1) == ["cats-vs-dogs", "not found"]
    assert lines[2].split(maxsplit=1) == ["digits", "part of scikit-learn"]
    assert lines[4].strip() == str(tmp_path)
