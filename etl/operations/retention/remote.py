"""A folder at a URL, for what is kept elsewhere: another disk, a server, an object store. By fsspec and its protocol's package.

A URL may hold a password. It stands in nothing that is shown, written down or raised from here.
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
        """Some protocols connect at once, others with the first file.

        :param url: `PROTOCOL://…`, or the path of a folder.
        :raises ConfigurationError: it is none that can be used.
        :raises SetupError: the package of its protocol is missing.
        :raises ServiceUnavailable: it does not answer, or refuses the login.
        """
        self._url = url.rstrip("/") if "://" in url else f"file://{Path(url).expanduser().absolute()}"
        self.shown = _shown(self._url)
        """The URL without login."""
        self._password = _password(self._url)
        options = {"password": unquote(self._password), "username": unquote(_user(self._url))} if self._password else {}
        try:
            core = _fsspec()
            self._require_known(core)
            with self._explaining("cannot be used"):
                # What a listing said a moment ago is not what is there now.
                self._files, self._root = core.url_to_fs(self._url_without_login(), use_listings_cache=False, **options)
        except ImportError as error:
            raise SetupError(
                f"{self.shown} needs a package that is not installed: {self._mask(error)}",
                remedy="Install it into .venv, and fsspec with it: `pip install fsspec s3fs` (adlfs, gcsfs, paramiko).",
            ) from None

    def url_of(self, name: str) -> str:
        """Where a name stands, to be shown."""
        return f"{self.shown}/{name}"

    def put(self, file: Path, name: str) -> None:
        """Write a file under a name, in the place of its namesake.

        :raises ServiceUnavailable: it did not arrive as a whole.
        """
        target = self._path(name)
        with self._explaining("did not take a file"):
            self._files.makedirs(posixpath.dirname(target), exist_ok=True)
            self._files.put_file(str(file), target)
            if "file" in _protocols(self._files):
                files.sync_file(Path(target))
                files.sync_folder(Path(target).parent)

    def sha256(self, name: str) -> str | None:
        """SHA-256 of what stands under a name, read back now: of the content where the name ends in `.gz`; None where nothing
        stands there, or nothing whole.

        :raises ServiceUnavailable: it does not answer.
        """
        with self._explaining("could not be read back"):
            try:
                with self._files.open(self._path(name), "rb") as handle:
                    content = gzip.GzipFile(fileobj=handle) if name.endswith(files.COMPRESSED_SUFFIX) else handle
                    return hashlib.file_digest(content, "sha256").hexdigest()
            except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error):
                return None

    def _url_without_login(self) -> str:
        """Protocols differ in whether they decode a login; so it is taken out of the URL, and decoded here."""
        return self.shown if self._password else self._url

    def _require_known(self, core: ModuleType) -> None:
        protocol = self._url.partition("://")[0]
        if protocol not in core.available_protocols():
            raise ConfigurationError(f"Files cannot be moved by the protocol {protocol!r}.", remedy=_EXAMPLE)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _explaining(self, what: str) -> Iterator[None]:
        """Errors of all kinds of packages as one of ours, without their traceback: it would show what they were called with."""
        try:
            yield
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001 - every protocol has errors of its own
            raise ServiceUnavailable(
                f"{self.shown} {what} ({type(error).__name__}: {self._mask(error)}).",
                remedy="Nothing was deleted here. Check the URL, the rights and the login; the next `prune` goes on.",
            ) from None

    def _mask(self, error: BaseException) -> str:
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        for secret in (self._url, self._password, unquote(self._password)):
            said = said.replace(secret, "***") if secret else said
        return said


def _fsspec() -> ModuleType:
    import fsspec

    found: ModuleType = fsspec
    return found


def _protocols(found: Any) -> tuple[str, ...]:
    return (found.protocol,) if isinstance(found.protocol, str) else tuple(found.protocol)


def _shown(url: str) -> str:
    protocol, _, rest = url.partition("://")
    login, _, place = rest.rpartition("@")
    is_login = ":" in login
    if "::" in url or "@" in login or (is_login and "/" in login) or any(sign in rest for sign in "?#"):
        raise ConfigurationError(
            "The URL to move to has parts that are not understood.",
            remedy=f"{_EXAMPLE} Percent-encode special characters of a password, or give it as docs/scale.md says.",
        )
    # In a container's name there is no colon; a name and a password have one between them.
    return f"{protocol}://{place if is_login else rest}"


def _user(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[0].partition(":")[0]


def _password(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]
