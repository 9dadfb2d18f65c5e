"""Units that stand behind numbers."""

from __future__ import annotations

_UNITS = """
°C °F °K °c °f ºC ºF ℃ ℉ C F K % %RH RH
Pa hPa kPa MPa bar mbar psi atm mmHg
V mV kV µV A mA µA kA W mW kW MW GW VA kVA var kvar Wh kWh MWh GWh mWh Ah mAh Hz kHz MHz GHz Ω kΩ MΩ Ohm ohm
m mm cm km µm um nm in ft mi m² m³ km² l L ml mL cl hl gal
g mg kg µg ug t lb oz g/m³ mg/m³ µg/m³ ug/m³ kg/m³ mg/l mg/L
s ms µs us ns min h hr d
m/s km/h mph kn kt kts m³/h m³/s l/h L/h l/min L/min l/s L/s gpm rpm
ppm ppb ppt lx lux lm cd dB dBm dBA dB(A) pH NTU FNU mS/cm µS/cm uS/cm S/m
J kJ MJ GJ N kN Nm W/m² kWh/m² mm/h ° deg rad € $ £ EUR USD uSv/h µSv/h Bq Bq/m³ pCi/L
"""
_KNOWN = frozenset(_UNITS.split())


def is_unit(text: str) -> bool:
    return text in _KNOWN
