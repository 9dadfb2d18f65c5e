"""Whom to tell of incidents: the URLs of ETL_ALERT_URLS, as apprise takes them (https://github.com/caronc/apprise)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import SecretStr

_HOSTS_ARE_PUBLIC = re.compile(r"https?|jsons?|xmls?|forms?|mailtos?|ntfys?")
"""Of other services the host may be a token: tgram://TOKEN/CHAT, slack://TOKEN_A/TOKEN_B/TOKEN_C."""
_SEPARATORS = re.compile(r"[/?&=:@#,;]")
_TOKEN = re.compile(r"(?=.*[0-9A-Z]).{6,}|.{16,}")
"""What may be a token, and is no plain word such as `services`, which may be in any text."""


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told of incidents."""

    label: str
    """Scheme and host, for tables and messages; a number behind it where several are alike."""
    url: SecretStr


def receivers(urls: SecretStr | None) -> tuple[Receiver, ...]:
    """The receivers that a setting names, in its order."""
    found, seen = [], Counter[str]()
    for url in split_urls(urls):
        label = _label(url)
        seen[label] += 1
        found.append(Receiver(f"{label} ({seen[label]})" if seen[label] > 1 else label, SecretStr(url)))
    return tuple(found)


def split_urls(urls: SecretStr | None) -> list[str]:
    """URLs that are separated by blanks or line breaks; in a URL a blank is written as %20."""
    return urls.get_secret_value().split() if urls else []


def secret_parts(urls: Iterable[str]) -> set[str]:
    """Whatever may be a secret in some URLs: themselves, and what looks like a token in login, path and query."""
    found = set[str]()
    for url in urls:
        scheme, _, rest = url.partition("://")
        public = _host(rest) if _HOSTS_ARE_PUBLIC.fullmatch(scheme.lower()) else ""
        parts = [part for part in _SEPARATORS.split(rest) if part not in _SEPARATORS.split(public)]
        found |= {url, *filter(_TOKEN.fullmatch, parts)}
    return found


def _label(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{_host(rest) if _HOSTS_ARE_PUBLIC.fullmatch(scheme.lower()) else '…'}" if rest else "no URL"


def _host(rest: str) -> str:
    """The host and port, of a URL without its scheme; a login may contain slashes."""
    return rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
