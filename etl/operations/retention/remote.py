"""A folder at a URL: on another disk, a server or an object store, through fsspec and its package for the protocol.

A URL may contain a password. Nothing that is shown, recorded or raised from here contains it.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from etl.errors import ConfigurationError, ServiceUnavailable, SetupError
from etl.storage import files

_EXAMPLE = "Use the form s3://bucket/folder, abfs://container@account.dfs.core.windows.net/folder or file:///folder."


class Remote:
    """A folder at a URL."""

    def __init__(self, url: str) -> None:
        """Some protocols connect now, others with the first file.

        :param url: `PROTOCOL://…`, or the path of a folder.
        :raises ConfigurationError: it is not a URL that can be used.
        :raises SetupError: the package of its protocol is missing.
        :raises ServiceUnavailable: it does not answer, or refuses the login.
        """
        self._url = url.rstrip("/") if "://" in url else f"file://{Path(url).expanduser().absolute()}"
        self.shown = _shown(self._url)
        """The URL without user and password."""
        self._password = _password(self._url)
        options = {"password": unquote(self._password), "username": unquote(_user(self._url))} if self._password else {}
        try:
            core = _fsspec()
            self._require_known(core)
            with self._translating_errors("cannot be used"):
                # A cached listing may be out of date.
                self._files, self._root = core.url_to_fs(self._url_without_login(), use_listings_cache=False, **options)
        except ImportError as error:
            raise SetupError(
                f"{self.shown} needs a package that is not installed: {self._mask(error)}",
                remedy="Install it into .venv, and fsspec with it: `pip install fsspec s3fs` (adlfs, gcsfs, paramiko).",
            ) from None

    def url_of(self, name: str) -> str:
        """The URL of a file, to be shown."""
        return f"{self.shown}/{name}"

    def put(self, file: Path, name: str) -> None:
        """Copy a file there; it replaces a file of the same name.

        :raises ServiceUnavailable: it did not arrive completely.
        """
        target = self._path(name)
        with self._translating_errors("did not take a file"):
            self._files.makedirs(posixpath.dirname(target), exist_ok=True)
            self._files.put_file(str(file), target)
            if "file" in _protocols(self._files):
                files.sync_file(Path(target))
                files.sync_folder(Path(target).parent)

    def sha256(self, name: str) -> str | None:
        """SHA-256 of a file there, read back now; of the decompressed content if its name ends in `.gz`.

        None if there is no such file, or only a truncated one.

        :raises ServiceUnavailable: it does not answer.
        """
        with self._translating_errors("could not be read back"):
            try:
                with self._files.open(self._path(name), "rb") as handle:
                    content = gzip.GzipFile(fileobj=handle) if name.endswith(files.COMPRESSED_SUFFIX) else handle
                    return hashlib.file_digest(content, "sha256").hexdigest()
            except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
                return None

    def _url_without_login(self) -> str:
        """Only some protocols decode user and password in a URL; so they are removed from it and decoded here."""
        return self.shown if self._password else self._url

    def _require_known(self, core: ModuleType) -> None:
        protocol = self._url.partition("://")[0]
        if protocol not in core.available_protocols():
            raise ConfigurationError(f"Files cannot be moved by the protocol {protocol!r}.", remedy=_EXAMPLE)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _translating_errors(self, failure: str) -> Iterator[None]:
        """Translate every error of a protocol's package, and drop its traceback, which would show the arguments of calls."""
        try:
            yield
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001 - every protocol has different errors
            raise ServiceUnavailable(
                f"{self.shown} {failure} ({type(error).__name__}: {self._mask(error)}).",
                remedy="Nothing was deleted here. Check the URL, the rights and the login; the next `prune` continues.",
            ) from None

    def _mask(self, error: BaseException) -> str:
        first_line = (str(error).strip().splitlines() or ["no message"])[0][:300]
        for secret in (self._url, self._password, unquote(self._password)):
            first_line = first_line.replace(secret, "***") if secret else first_line
        return first_line


def _fsspec() -> ModuleType:
    import fsspec

    package: ModuleType = fsspec
    return package


def _protocols(filesystem: Any) -> tuple[str, ...]:
    return (filesystem.protocol,) if isinstance(filesystem.protocol, str) else tuple(filesystem.protocol)


def _shown(url: str) -> str:
    protocol, _, rest = url.partition("://")
    login, _, place = rest.rpartition("@")
    is_login = ":" in login
    if "::" in url or "@" in login or (is_login and "/" in login) or any(sign in rest for sign in "?#"):
        raise ConfigurationError(
            "The URL to move to has parts that are not supported.",
            remedy=f"{_EXAMPLE} Percent-encode special characters of a password, or give it as docs/scale.md says.",
        )
    # A container's name has no colon; user and password have one between them.
    return f"{protocol}://{place if is_login else rest}"


def _user(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[0].partition(":")[0]


def _password(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]
