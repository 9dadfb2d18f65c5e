"""What a job has counted: rows read, and what became of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from etl.errors import BalanceError


@dataclass(frozen=True)
class Counts:
    """The numbers of one job, in rows or messages.

    Every job promises `read == processed + rejected + duplicate + conflicting`; late rows are counted among the processed ones.
    """

    read: int = 0
    processed: int = 0
    rejected: int = 0
    duplicate: int = 0
    late: int = 0
    conflicting: int = 0
    """Rows whose key an earlier row has, with other values."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(own + added for own, added in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    def require_balance(self, what: str) -> None:
        """Check that every row read is accounted for.

        :raises BalanceError: it is not; the cause names the numbers.
        """
        accounted = self.processed + self.rejected + self.duplicate + self.conflicting
        if self.read != accounted:
            raise BalanceError(
                f"{what}: {self.read} read, but {self.processed} processed + {self.rejected} rejected"
                f" + {self.duplicate} duplicate + {self.conflicting} conflicting = {accounted}. Nothing was committed.",
                remedy="Run again. If it happens again, this is a defect: keep output/ and backup/ as they are and report it.",
            )


def columns_of(counts: Counts) -> dict[str, int]:
    """The counts by their columns in `etl_log`."""
    return {f"records_{name}": value for name, value in asdict(counts).items()}
