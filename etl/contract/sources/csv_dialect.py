"""The CSV dialect of the program that writes a feed's files."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Self

from etl.contract.custom_properties import CustomProperties


@dataclass(frozen=True)
class CsvDialect:
    """How the lines of a CSV file are written."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    """Whether the first line names the columns; otherwise they are the contract's, in its order."""

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        """The dialect under `csv`; what it does not name is the default.

        :raises ContractError: a mark is not one character, or the encoding cannot be used.
        """
        place = f"{given.place}.csv"
        is_given = "csv" in given.values
        dialect = cls(**given.mapping("csv", {"delimiter", "quote", "encoding", "header"})) if is_given else cls()
        for name, mark in (("delimiter", dialect.delimiter), ("quote", dialect.quote)):
            if not isinstance(mark, str) or len(mark) != 1 or mark in "\r\n\0":
                raise given.fail(f"{place}.{name}", f"{mark!r}", "Give one character.")
        try:
            if "a,\n".encode(dialect.encoding) != b"a,\n":
                problem = f"{dialect.encoding!r} is not a superset of ASCII"
                raise given.fail(f"{place}.encoding", problem, "Convert the files.")
            codecs.lookup(dialect.encoding)
        except (LookupError, TypeError):
            problem = f"{dialect.encoding!r} is not known"
            raise given.fail(f"{place}.encoding", problem, "Use utf-8 or latin-1.") from None
        return dialect

    @property
    def in_words(self) -> str:
        marks = [{"\t": "tab"}.get(mark, mark) for mark in (self.delimiter, self.quote)]
        header = "" if self.header else ", no header"
        return f"{self.encoding}, fields between {marks[0]}, quotes {marks[1]}{header}"
