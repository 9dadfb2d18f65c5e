"""What downloads of other programs need to know about the network: proxies for Java, and plain words for what failed."""

from __future__ import annotations

import os
import re
import shlex
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS = {"http": 80, "https": 443}
_APT = ("http_proxy", "https_proxy", "no_proxy")
_NEVER = ("localhost", "127.*", "[::1]")
"""Hosts that Java asks directly, unless it is given a list."""
_REASONS = {
    r"Host (?P<ivy>\S+) not found|(?:Could not resolve|failure resolving) '(?P<apt>[^'\s]+)": "its name is unknown here",
    r"Connection refused": "connection refused",
    r"timed out|timeout": "no answer in time",
    r"Network is unreachable|No route to host": "no network",
    r"PKIX|SSLHandshake|certificate": "its certificate is not trusted (docs/first-contact.md)",
    r"407|Proxy Authentication|proxy requires auth": "the proxy asks for a login",
    r"40[13] |Forbidden": "it refuses access",
    r"Premature EOF|Connection reset|ended prematurely|Remote host terminated|file size .* doesn't match|Unexpected end": "",
}
"""What Ivy and apt print → what it means; empty: a download was cut in the middle."""


def java_options() -> list[str]:
    """Java's properties for HTTPS_PROXY, HTTP_PROXY and NO_PROXY, without the proxies' logins: Java reads no variables."""
    proxies = _proxies()
    options = ["-Dsun.net.client.defaultConnectTimeout=15000", "-Dsun.net.client.defaultReadTimeout=60000"]
    for scheme, proxy in proxies.items():
        options += [f"-D{scheme}.proxyHost={proxy.hostname}", f"-D{scheme}.proxyPort={proxy.port or _PORTS['http']}"]
    if proxies:
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(_hosts_without_proxy())}")
    return options


def java_environment() -> dict[str, str]:
    """The environment for a Java that downloads: with the proxy's login, which must not be an argument that others can see."""
    logins = [proxy for proxy in _proxies().values() if proxy.username]
    if not logins:
        return dict(os.environ)
    # Without the last option Java gives no password to a proxy that leads to an HTTPS address.
    options = [
        f"-Dhttp.proxyUser={unquote(logins[0].username or '')}",
        f"-Dhttp.proxyPassword={unquote(logins[0].password or '')}",
        "-Djdk.http.auth.tunneling.disabledSchemes=",
    ]
    given = [os.environ.get("JDK_JAVA_OPTIONS", ""), *map(shlex.quote, options)]
    return {**os.environ, "JDK_JAVA_OPTIONS": " ".join(filter(None, given))}


def lower_case() -> dict[str, str]:
    """The variables of proxies under the only names that apt reads."""
    return {name: value for scheme, value in getproxies().items() if (name := f"{scheme}_proxy") in _APT}


def why_not_reached(output: str) -> str:
    """The host that a program did not reach, and why, from what it printed; empty if that says nothing about the network."""
    for pattern, reason in _REASONS.items():
        if found := re.search(pattern, output):
            host = next(filter(None, found.groupdict().values()), None) or _host_near(output, found.start())
            place = f"{host}{_by_proxy(host)}"
            return f"{place} was not reached: {reason}" if reason else f"a download from {place} was cut"
    return ""


def _host_near(output: str, place: int) -> str:
    """The host of the URL that a program printed next to an error, or else of the first one."""
    hosts = re.compile(r"https?://([^/\s:]+)")
    line = output[place:].split("\n", 1)[0]
    found = hosts.search(line) or hosts.search(output)
    return found.group(1) if found else "the repository"


def _by_proxy(host: str) -> str:
    proxies = {} if proxy_bypass(host) else _proxies()
    proxy = proxies.get("https") or proxies.get("http")
    return f" through the proxy {proxy.hostname}:{proxy.port}" if proxy else ""


def _proxies() -> dict[str, SplitResult]:
    """The proxies that Java can use, by the scheme of the addresses that they are for."""
    named = {scheme: urlsplit(url) for scheme, url in getproxies().items() if scheme in _PORTS}
    return {scheme: proxy for scheme, proxy in named.items() if proxy.hostname}


def _hosts_without_proxy() -> list[str]:
    """NO_PROXY in Java's form: a name there also means all names that end in it."""
    given = getproxies().get("no", "").replace(" ", "").split(",")
    if "*" in given:
        return ["*"]
    names = [name.partition(":")[0].lstrip("*.") for name in given]
    return [*_NEVER, *(form for name in names if name for form in (name, f"*.{name}"))]
