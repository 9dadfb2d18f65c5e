"""A small client of Superset's API: signs in as people do, with a token, the CSRF token and a session."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Requests of one user; of nobody until `sign_in`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._headers = {"Referer": f"{url}/", "Content-Type": "application/json"}

    def sign_in(self, username: str, password: str) -> Answer:
        login = {"username": username, "password": password, "provider": "db", "refresh": False}
        answer = self.post("/api/v1/security/login", login)
        if answer.status == 200:
            self._headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._headers["X-CSRFToken"] = self.get("/api/v1/security/csrf_token/").json()["result"]
        return answer

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        return self.request("POST", path, body)

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.url}{path}", data, self._headers, method=method)
        try:
            with self._opener.open(asked, timeout=120) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())

    def all(self, kind: str, *columns: str) -> list[dict[str, Any]]:
        """All charts, dashboards or datasets, with these columns."""
        shown = ",".join(["id", *columns])
        query = f"(columns:!({shown}),page_size:500)"
        found: list[dict[str, Any]] = self.get(f"/api/v1/{kind}/?q={query}").json()["result"]
        return found
