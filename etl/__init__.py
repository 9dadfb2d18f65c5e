"""Notebook-driven micro-batch ETL for IoT readings, with an audit log that proves every row balance."""

__version__ = "0.1.0"
