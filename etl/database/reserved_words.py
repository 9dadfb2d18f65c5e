"""Words that must be quoted as the name of a column or table; SQLAlchemy's own lists are incomplete."""

from __future__ import annotations

from sqlalchemy import Dialect

# https://www.postgresql.org/docs/18/sql-keywords-appendix.html: reserved, also those that may name a function or type.
POSTGRESQL = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp
current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having
ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not
notnull null offset on only or order outer overlaps placing primary references returning right select session_user similar some
symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where window with
"""
# https://learn.microsoft.com/sql/t-sql/language-elements/reserved-keywords-transact-sql
SQL_SERVER = """
add all alter and any as asc authorization backup begin between break browse bulk by cascade case check checkpoint close
clustered coalesce collate column commit compute constraint contains containstable continue convert create cross current
current_date current_time current_timestamp current_user cursor database dbcc deallocate declare default delete deny desc disk
distinct distributed double drop dump else end errlvl escape except exec execute exists exit external fetch file fillfactor for
foreign freetext freetexttable from full function goto grant group having holdlock identity identity_insert identitycol if in
index inner insert intersect into is join key kill left like lineno load merge national nocheck nonclustered not null nullif of
off offsets on open opendatasource openquery openrowset openxml option or order outer over percent pivot plan precision primary
print proc procedure public raiserror read readtext reconfigure references replication restore restrict return revert revoke
right rollback rowcount rowguidcol rule save schema securityaudit select semantickeyphrasetable
semanticsimilaritydetailstable semanticsimilaritytable session_user set setuser shutdown some statistics system_user table
tablesample textsize then to top tran transaction trigger truncate try_convert tsequal union unique unpivot update updatetext
use user values varying view waitfor when where while with within writetext
"""


def quote(dialect: Dialect, words: str) -> None:
    """Make a dialect quote these words, too, where they are names."""
    preparer = dialect.identifier_preparer
    preparer.reserved_words = {*preparer.reserved_words, *words.split()}
