"""Files of known programs."""

from __future__ import annotations

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from etl.errors import ConfigurationError
from tests.contract.draft.samples.conftest import ReadText

TOA5 = """"TOA5","CR1000","CR1000","12345","CR1000.Std.31","CPU:prog.CR1","1234","Table1"
"TIMESTAMP","RECORD","BattV_Min","AirTC_Avg"
"TS","RN","Volts","Deg C"
"","","Min","Avg"
"2025-06-15 00:00:00",0,12.8,21.5
"2025-06-15 00:10:00",1,12.8,"NAN"
"""
HEADER = ",result,table,_start,_stop,_time,_value,_field,_measurement,host"
ANNOTATIONS = """#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#default,_result,,,,,,,,
"""
ROW = ",,{table},2025-06-15T00:00:00Z,2025-06-16T00:00:00Z,2025-06-15T00:0{minute}:00Z,1.5,temp,weather,a\n"


def test_toa5(read: ReadText) -> None:
    sample = read(TOA5, "CR1000_Table1.dat")
    assert sample.form.dialect == CsvDialect(skip_rows=1, skip_after_header=2)
    assert sample.records == [
        {"TIMESTAMP": "2025-06-15 00:00:00", "RECORD": "0", "BattV_Min": "12.8", "AirTC_Avg": "21.5"},
        {"TIMESTAMP": "2025-06-15 00:10:00", "RECORD": "1", "BattV_Min": "12.8", "AirTC_Avg": "NAN"},
    ]
    assert sample.units == {"BattV_Min": "Volts", "AirTC_Avg": "Deg C"}


def test_annotated_csv(read: ReadText) -> None:
    table = f"{ANNOTATIONS}{HEADER}\n" + "".join(ROW.format(table=0, minute=minute) for minute in range(5))
    sample = read(f"{table}\n{table}")
    assert sample.form.dialect == CsvDialect(comment="#")
    assert len(sample.records) == 10
    assert list(sample.records[0]) == HEADER.split(",")[1:]
    assert "1 header among the records: rejected" in sample.evidence


def test_annotated_csv_of_tables_with_different_columns_is_refused(read: ReadText) -> None:
    table = f"{ANNOTATIONS}{HEADER}\n" + ROW.format(table=0, minute=1)
    with pytest.raises(ConfigurationError, match="line 4 and line 10"):
        read(f"{table}\n{ANNOTATIONS}{HEADER},room\n{ROW.format(table=1, minute=1)}")
