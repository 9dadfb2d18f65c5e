"""A receiver, and a project that tells it of incidents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.alerts import Webhook, telling
from tests.support.stack import Project


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().up() as hook:
        yield hook


@pytest.fixture
def told(project: Project, webhook: Webhook) -> Project:
    return telling(project, webhook.url)
