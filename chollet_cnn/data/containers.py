"""Read the files in a zip file or a folder, zip files inside zip files and linked folders included.

A path inside a container is written with slashes. A zip file inside a zip file counts as a folder
of its name, so ``train.zip/train/cat.0.jpg`` is a file of ``archive.zip``.
"""

import errno
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from chollet_cnn.data.zip_files import check_readable, is_zip, open_members
from chollet_cnn.errors import UserError

MOST_FILES = 1_000_000  # in one folder tree
Stamp = tuple[int, int]


def list_files(container: Path, wanted: Callable[[str], bool]) -> list[tuple[str, Stamp]]:
    """List the files in a zip file or folder.

    Args:
        container: the zip file or folder.
        wanted: tells from a file's name, without its folder, whether to list it. Zip files that
            are inside a zip file and cannot be opened are listed anyway.

    Returns:
        The path of each file inside the container, with its stamp: two numbers that change when
        the file does (CRC and size in a zip file; size and time in a folder).

    Raises:
        UserError: the container is damaged, encrypted or packed in a way that Python cannot read.
    """
    if container.is_file():
        with open_members(container) as members:
            files = []
            for path, (_, member) in members.items():
                name = PurePosixPath(path).name
                if wanted(name):
                    check_readable(container, member)
                if wanted(name) or is_zip(name):
                    files.append((path, (member.CRC, member.file_size)))
            return files
    return [
        (path.relative_to(container).as_posix(), (status.st_size, status.st_mtime_ns))
        for path in walk(container)
        if wanted(path.name) and path.is_file() and (status := path.stat())
    ]


@contextmanager
def reader(container: Path, largest: int | None = None) -> Iterator[Callable[[str], bytes]]:
    """Open a zip file or folder and give the function that reads one of its files.

    Args:
        container: the zip file or folder.
        largest: the most bytes that a file may have; no limit if ``None``.

    Raises:
        UserError: in that function, the disk or the system failed; the file itself may be good.
        ValueError: in that function, the file has more than ``largest`` bytes.
        zipfile.BadZipFile: in that function, or another of ``zip_files.ZIP_ERRORS``: it is damaged.
    """
    with ExitStack() as stack:
        members = stack.enter_context(open_members(container)) if container.is_file() else None

        def read(file: str) -> bytes:
            try:
                if members:
                    archive, member = members[file]
                    _check_size(member.file_size, largest)
                    return archive.read(member)
                _check_size((container / file).stat().st_size, largest)
                return (container / file).read_bytes()
            except OSError as problem:
                # From a decompressor rather than the system, or a position before the start.
                if members and problem.errno in (None, errno.EINVAL):
                    raise zipfile.BadZipFile(str(problem)) from problem
                raise UserError(
                    f"cannot read {file} in {container} ({problem.strerror or problem}): correct "
                    "that and run the same command again"
                ) from problem

        yield read


def _check_size(size: int, largest: int | None) -> None:
    if largest is not None and size > largest:
        raise ValueError(f"it has {size:,} bytes, more than the limit of {largest:,} bytes")


def zip_files_below(top: Path) -> list[Path]:
    """List the zip files below a folder, the highest first."""
    found = (path for path in walk(top) if is_zip(path.name) and os.path.isfile(path))
    return sorted(found, key=lambda path: (len(path.parts), path))


def walk(top: Path) -> Iterator[Path]:
    """Yield every file below a folder; hidden folders are skipped.

    Links to folders are followed after everything else, each folder is visited once, and a folder
    that may not be looked into is skipped.

    Raises:
        UserError: there are more than ``MOST_FILES``.
    """
    folders, links, visited, count = [top], [], set(), 0
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                folders += [] if entry.name.startswith(".") else [path]
            elif entry.is_symlink() and os.path.isdir(path):  # also false where one may not look
                links.append(path)
            else:
                yield path
        count += len(entries)
        if count > MOST_FILES:
            raise UserError(
                f"{top} holds more than {MOST_FILES:,} files: name the folder below it that holds "
                "the data"
            )
