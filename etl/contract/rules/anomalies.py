"""When a reading is anomalous."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnomalyRules:
    """When a reading is anomalous; docs/anomalies.md explains the defaults."""

    measures: tuple[str, ...]
    threshold: float = 5.0
    """A robust z-score above this is an outlier."""
    trailing: int = 120
    """Number of a sensor's readings from which its baseline (median and MAD) is computed."""
    minimum: int = 30
    """Fewest of them that must have a value; with fewer, no reading is judged."""
    block_seconds: float = 300.0
    """The baseline is recomputed at multiples of this since 1970-01-01 UTC."""
    resolution: float = 0.0
    """The sensor's smallest step: the scale of the z-score is never below half of it. 0: estimated from the readings."""
    stuck_seconds: float | None = None
    """Equal values for this long mean that the sensor is stuck; None: no check."""
    stuck_readings: int = 30
    """Fewest equal values of a stuck sensor."""
    gap_seconds: float | None = None
    """No reading for longer than this is a gap; None: no check."""
