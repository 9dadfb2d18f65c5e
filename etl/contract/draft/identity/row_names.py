"""Names of columns that identify a row, or say what a reading measures."""

from __future__ import annotations

import re

ROW = re.compile(
    r"^(id|uuid|guid|_id|oid|key|deduplication_id)$"
    r"|(event|reading|message|msg|record|measurement|row|observation|sample|transaction|correlation|packet|dedup\w*)_?"
    r"(id|uuid|guid|key)$|^(event|reading|message|record|measurement|row)_?(no|number)$"
)
METRIC = re.compile(
    r"(^|_)(metric|measure|measurement|parameter|param|quantity|property|variable|field|signal|channel|attribute|observable"
    r"|observed_property|phenomenon|pollutant|sensor_type|kind|type|name|key|tag|n|category|item|subtype)$"
)
MANY = 20
"""Records from which on values that are all different, or all alike, say something."""
