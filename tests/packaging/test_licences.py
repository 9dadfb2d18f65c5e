"""What is installed beside the project may be distributed with it, and docs/supply-chain.md says under which licences."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import PackageMetadata
from typing import cast

import pytest

from etl.settings.libraries import locked
from tests.packaging.licences import PERMISSIVE, WEAK_COPYLEFT, identifiers, licence, licences, table
from tests.packaging.pins import PROJECT

PAGE = (PROJECT / "docs" / "supply-chain.md").read_text("utf-8")


def test_no_package_has_a_licence_that_was_not_considered() -> None:
    known = PERMISSIVE | WEAK_COPYLEFT
    assert {name: spdx for name, spdx in licences().items() if not identifiers(spdx) <= known} == {}


def test_the_page_has_the_table_of_the_packages() -> None:
    assert table(licences()) in PAGE, (
        "write the output of `python -m tests.packaging.licences` into docs/supply-chain.md"
    )


def test_the_page_explains_each_package_with_copyleft() -> None:
    explained = PAGE[PAGE.index("**Copyleft.**") : PAGE.index("| licence |")]
    with_copyleft = {name for name, spdx in licences().items() if identifiers(spdx) & WEAK_COPYLEFT}
    assert set(re.findall(r"`([\w-]+)`", explained)) >= with_copyleft


def test_the_page_has_a_licence_for_each_java_library() -> None:
    rows = PAGE[PAGE.index("## Licences of the Java libraries") :]
    listed = [name for row in re.findall(r"^\| `.+?` \| (.+) \|$", rows, re.MULTILINE) for name in row.split(", ")]
    assert sorted(listed) == sorted({jar.module for jar in locked()})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("License-Expression", "MIT OR Apache-2.0"), ("License", "GPL")], "MIT OR Apache-2.0"),
        ([("License", "BSD 3-Clause License\n\n- Copyright (c) somebody")], "BSD-3-Clause"),
        ([("License", "Copyright (c) somebody"), ("Classifier", "License :: OSI Approved :: MIT License")], "MIT"),
        ([("License", "UNKNOWN"), ("Classifier", "License :: OSI Approved :: ISC License (ISCL)")], "ISC"),
        ([("License", "As you like"), ("Classifier", "Topic :: Database")], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_licence_is_read_from_old_and_new_metadata(fields: list[tuple[str, str]], expected: str) -> None:
    message = Message()
    for name, value in fields:
        message[name] = value
    assert licence(cast("PackageMetadata", message)) == expected
