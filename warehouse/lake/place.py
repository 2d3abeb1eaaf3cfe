"""Where a lake is: a folder or an object store, and what is done to its files, by fsspec."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from warehouse.errors import WarehouseError
from warehouse.lake import urls
from warehouse.lake.names import new_writer
from warehouse.lake.place_errors import not_installed, unreachable


@dataclass(frozen=True, repr=False)
class Lake:
    """An open lake.

    Attributes:
        url: As an engine names it, without a slash at its end: `s3a://bucket/lake`, or
            `file:///folder` for a folder. It may hold a password.
        root: The same as `fs` names it.
        fs: fsspec's file system.
        writer: The id of whoever opened it, which is in the names of all that is written.
    """

    url: str
    root: str
    fs: Any = field(compare=False)
    writer: str = field(default_factory=new_writer, compare=False)

    def __repr__(self) -> str:
        return f"Lake({self.shown!r})"

    @property
    def shown(self) -> str:
        """The place as it may be shown."""
        return self.root if self.is_local else urls.without_credentials(self.url)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder that this machine mounts."""
        return urls.scheme(self.url) == urls.FILE

    def at(self, path: str) -> str:
        """Return a file as `fs` names it; the path counts from the folder of the lake."""
        return f"{self.root}/{path}"


def open_lake(url: str) -> Lake:
    """Open a lake. Nothing is asked or written yet.

    Args:
        url: An absolute folder, or the URL of an object store.

    Raises:
        WarehouseError: the scheme is not known, or the package that serves it is not installed.
    """
    scheme = urls.scheme(url)
    if scheme != urls.FILE and (scheme not in urls.PACKAGES or "::" in url):
        known = ", ".join(f"{one}://" for one in urls.PACKAGES)
        raise WarehouseError(
            f"WAREHOUSE_LAKE={urls.without_credentials(url)} cannot hold a lake: {scheme}:// is "
            "no store in which two writers cannot overwrite each other's snapshot.",
            todo=f"Name a folder, or a URL that begins with one of {known}.",
        )
    try:
        import fsspec

        if scheme == urls.FILE:
            root = os.path.normpath(urls.folder(url))
            return Lake(f"file://{root}", root, fsspec.filesystem("file"))
        # What another writer has made must show at once.
        fs, root = fsspec.url_to_fs(url, use_listings_cache=False)
    except ImportError:
        raise not_installed(scheme) from None
    except Exception as error:  # each store has errors of its own
        if "Protocol not known" in str(error):  # to fsspec, as long as the package is not there
            raise not_installed(scheme) from None
        raise unreachable(url, "Opening", error) from None
    return Lake(url.rstrip("/"), root.rstrip("/"), fs)


def full_url(lake: Lake, path: str) -> str:
    """Return the URL of a file by which an engine opens it. It may hold a password."""
    return f"{lake.url}/{path}"


@contextmanager
def plain_errors(lake: Lake, doing: str) -> Iterator[None]:
    """Turn what a file system or an object store raises into an error for people.

    Args:
        lake: Where.
        doing: What may fail: "Reading".
    """
    try:
        yield
    except WarehouseError:
        raise
    except Exception as error:  # each store has errors of its own
        raise unreachable(lake.url, doing, error) from None


def names(lake: Lake, folder: str) -> list[str]:
    """Return the names of the files in a folder; none if it is not there."""
    with plain_errors(lake, "Reading"):
        try:
            found = lake.fs.ls(lake.at(folder), detail=False)
        except FileNotFoundError:
            return []
        return [str(one).rstrip("/").rpartition("/")[2] for one in found]


def sizes(lake: Lake, folder: str) -> dict[str, int]:
    """Return the files under a folder, at any depth, with their sizes in bytes.

    The paths count from the folder of the lake. There are none if the folder is not there.
    """
    with plain_errors(lake, "Reading"):
        try:
            found = lake.fs.find(lake.at(folder), detail=True)
        except FileNotFoundError:
            return {}
        start = len(lake.fs._strip_protocol(lake.root)) + 1
        return {path[start:]: int(info["size"] or 0) for path, info in found.items()}


def read(lake: Lake, path: str) -> bytes | None:
    """Return what a file holds; None if it is not there."""
    with plain_errors(lake, "Reading"):
        try:
            return bytes(lake.fs.cat_file(lake.at(path)))
        except FileNotFoundError:
            return None


def modified(lake: Lake, path: str) -> datetime | None:
    """Return when a file was written, by the clock of its store; None if it is gone."""
    with plain_errors(lake, "Reading"):
        try:
            at: datetime = lake.fs.modified(lake.at(path))
        except FileNotFoundError:
            return None
        return at.astimezone()


def remove(lake: Lake, path: str) -> None:
    """Remove a file, if it is there."""
    with plain_errors(lake, "Removing"), suppress(FileNotFoundError):
        lake.fs.rm_file(lake.at(path))


def remove_folder(lake: Lake, path: str) -> None:
    """Remove a folder with all that is in it, if it is there."""
    with plain_errors(lake, "Removing"), suppress(FileNotFoundError):
        lake.fs.rm(lake.at(path), recursive=True)


def create(lake: Lake, path: str, content: bytes) -> bool:
    """Create a file whole, if there is none of its name. Returns whether it was created.

    Of several who try at the same time, one succeeds. A False of an object store may be mistaken:
    if the answer to the first try was lost, the second finds the caller's own file.
    """
    with plain_errors(lake, "Writing"):
        try:
            if lake.is_local:
                _create_by_link(Path(lake.at(path)), content, lake.writer)
            else:
                lake.fs.pipe_file(lake.at(path), content, mode="create")
        except FileExistsError:
            return False
        except OSError:
            # s3fs: what two at a time get, 409 and 412, has several names.
            if not lake.is_local and lake.fs.exists(lake.at(path)):
                return False
            raise
        return True


def _create_by_link(file: Path, content: bytes, writer: str) -> None:
    """Create a file that shows whole: a link takes no name that is taken."""
    make_folder(file.parent)
    part = file.with_name(f".{file.name}.part-{writer}-{uuid4().hex}")
    try:
        with part.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.link(part, file)
    finally:
        part.unlink(missing_ok=True)
    sync(file.parent)


def make_folder(folder: Path) -> None:
    """Make a local folder and those above it that are missing, and have their names on the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    sync(folder.parent)


def sync(path: Path) -> None:
    """Have the bytes of a local file, or the names in a folder, be on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
