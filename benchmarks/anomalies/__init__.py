"""How well `etl.jobs.load.derived.detect` finds faults that were put into simulated curves, beside simpler methods:
docs/anomalies.md.
"""
