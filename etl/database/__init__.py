"""Everything that depends on the database product, and nothing else: engines, transactions, locks, rows in bulk.

The rest of `etl` speaks SQLAlchemy and the functions below; none of it asks which product answers.
"""

from etl.database.functions import (
    add_seconds,
    for_each,
    in_batches,
    in_text,
    sample_deviation,
    seconds_since,
    window_start,
)
from etl.database.product import Product, Refused, Stage
from etl.database.sessions import (
    PRODUCTS,
    client_url,
    copy_csv,
    database_title,
    database_url,
    explain,
    keep_in_temporary,
    lock_feed,
    make_engine,
    make_stage,
    place_of,
    product_named,
    product_of,
    product_of_url,
    read_table,
    read_url,
    shown_url,
    transaction,
    try_lock_feed,
    type_name,
)
from etl.database.types import DOUBLE, MOMENT, text_of

__all__ = [
    "DOUBLE",
    "MOMENT",
    "PRODUCTS",
    "Product",
    "Refused",
    "Stage",
    "add_seconds",
    "client_url",
    "copy_csv",
    "database_title",
    "database_url",
    "explain",
    "for_each",
    "in_batches",
    "in_text",
    "keep_in_temporary",
    "lock_feed",
    "make_engine",
    "make_stage",
    "place_of",
    "product_named",
    "product_of",
    "product_of_url",
    "read_table",
    "read_url",
    "sample_deviation",
    "seconds_since",
    "shown_url",
    "text_of",
    "transaction",
    "try_lock_feed",
    "type_name",
    "window_start",
]
