"""Uplinks of LoRaWAN network servers."""
