"""Open a zip file and the zip files inside it, or say why one cannot be read."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from chollet_cnn.data import image_cache
from chollet_cnn.data.sources import cache_folder, permitted
from chollet_cnn.errors import UserError, notify, replace_file

MOST_UNPACKED = 4 << 30  # bytes of zip files in one zip file; Microsoft's archive has 0.8 GiB
DEEPEST = 3  # zip files inside one another
READABLE_METHODS = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
    getattr(zipfile, "ZIP_ZSTANDARD", zipfile.ZIP_STORED),  # from Python 3.14
}
LOCAL_HEADER = struct.Struct("<26xHH")  # ends with the lengths of the name and the extra field
ENCRYPTED = 1  # the bit in a member's flags

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it opens no such member
    LZMAError = zlib.error

# Whatever is wrong with a zip file, the zipfile module raises one of these.
ZIP_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    LZMAError,
    struct.error,
)

Member = tuple[zipfile.ZipFile, zipfile.ZipInfo]


def is_zip(name: str) -> bool:
    """Tell from a file's name whether it is a zip file; macOS's notes about one are not."""
    return name.lower().endswith(".zip") and not name.startswith(".")


@permitted()
def _open(path: Path) -> zipfile.ZipFile:
    """Open a zip file.

    Raises:
        UserError: it is damaged, truncated, or of a version that Python cannot read.
    """
    try:
        return zipfile.ZipFile(path)
    except PermissionError:
        raise
    except NotImplementedError as problem:
        raise _unreadable(path, f"{problem}") from problem
    except UnicodeDecodeError as problem:
        raise _unreadable(path, "a file name in it is not UTF-8") from problem
    except ZIP_ERRORS as problem:
        with open(path, "rb") as file:
            if file.read(2) != b"PK":
                raise UserError(
                    f"{path} is not a zip file: if it is another archive, unpack it and name the "
                    "folder"
                ) from problem
        raise UserError(
            f"{path} cannot be opened as a zip file: it may be truncated, so delete it and get it "
            "again"
        ) from problem


def check_readable(path: Path, member: zipfile.ZipInfo) -> None:
    """Refuse a member that Python cannot unpack.

    Raises:
        UserError: it is encrypted or of an unknown compression method.
    """
    if member.flag_bits & ENCRYPTED:
        raise _unreadable(path, "it is encrypted")
    if member.compress_type not in READABLE_METHODS:
        raise _unreadable(path, f"compression method {member.compress_type}")


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} cannot be read by Python's zipfile ({why}): unzip it with another program and "
        "name the folder instead"
    )


class _OpenFiles(ExitStack):
    """Files that are closed together, and the number of bytes that may still be unpacked."""

    room = MOST_UNPACKED


@contextmanager
def open_members(path: Path) -> Iterator[dict[str, Member]]:
    """Open a zip file and all zip files in it; of two members of one name the later one counts."""
    with _OpenFiles() as stack:
        yield dict(_members(stack.enter_context(_open(path)), "", stack))


def _members(
    archive: zipfile.ZipFile, folder: str, stack: _OpenFiles, depth: int = 1
) -> Iterator[tuple[str, Member]]:
    for member in archive.infolist():
        # Some programs on Windows write backslashes.
        path = folder + member.filename.replace("\\", "/")
        inner = None
        if is_zip(PurePosixPath(path).name) and depth < DEEPEST:
            inner = _open_inner(archive, member, stack)
        if inner:
            yield from _members(inner, f"{path}/", stack, depth + 1)
        else:
            yield path, (archive, member)


def _open_inner(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, stack: _OpenFiles
) -> zipfile.ZipFile | None:
    """Open a zip file inside a zip file; ``None`` if it is damaged or too large to unpack."""
    if member.flag_bits & ENCRYPTED or member.compress_type not in READABLE_METHODS:
        return None
    try:
        if member.compress_type == zipfile.ZIP_STORED and archive.filename:
            file = stack.enter_context(open(archive.filename, "rb"))  # noqa: SIM115
            contents = io.BufferedReader(_Section(file, member))
        elif member.file_size > stack.room:
            return None
        else:
            stack.room -= member.file_size
            contents = stack.enter_context(_unpack(archive, member))
        return stack.enter_context(zipfile.ZipFile(contents))
    except ZIP_ERRORS:
        return None


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> io.BufferedReader:
    """Unpack a zip file inside a zip file into the cache, unless that was done before."""
    file = cache_folder() / "unpacked" / f"{member.CRC:08x}-{member.file_size}.zip"
    if not (file.is_file() and file.stat().st_size == member.file_size):
        notify(f"unpacking {member.filename} into {file.parent}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            image_cache.remove_unfinished(file.parent)
            with TemporaryDirectory(dir=file.parent, prefix=image_cache.UNFINISHED) as building:
                beside = Path(building) / file.name
                with beside.open("wb") as unpacked:
                    _copy(archive, member, unpacked)
                    image_cache.flush(unpacked)
                replace_file(beside, file)
        except OSError as problem:
            raise UserError(
                f"cannot unpack {member.filename} of {archive.filename} into {file.parent} "
                f"({problem.strerror or problem}); make room there, set CHOLLET_CNN_CACHE to "
                "another folder, or unzip it yourself"
            ) from problem
    return file.open("rb")


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, unpacked: io.BufferedWriter) -> None:
    with archive.open(member) as packed:
        try:
            while chunk := packed.read(1 << 20):
                unpacked.write(chunk)
        except OSError as problem:
            if problem.errno is None:  # from a decompressor, not from the system
                raise zipfile.BadZipFile(str(problem)) from problem
            raise


class _Section(io.RawIOBase):
    """The bytes of a member that was stored without compression, read where they are."""

    def __init__(self, file: io.BufferedReader, member: zipfile.ZipInfo) -> None:
        file.seek(member.header_offset)
        lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        self._file = file
        self._start = member.header_offset + LOCAL_HEADER.size + sum(lengths)
        self._size = member.file_size
        self._position = 0

    def readable(self) -> bool:
        """Return true, as an open file does."""
        return True

    def seekable(self) -> bool:
        """Return true, as a file on a disk does."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, counted from the start, from here or from the end."""
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise OSError("position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer from the current position; return how many bytes there were."""
        self._file.seek(self._start + self._position)
        left = max(0, self._size - self._position)
        count = self._file.readinto(memoryview(buffer)[:left])
        self._position += count
        return count
