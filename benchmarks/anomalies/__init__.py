"""How well `etl.anomalies` finds faults that were put into simulated curves, beside simpler methods: docs/anomalies.md."""
