"""Every recogniser, in the order in which they are asked: the first whose shape nearly all records have is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.contract.draft.recognisers.envelopes.cloud_events import CloudEvents
from etl.contract.draft.recognisers.envelopes.connect import ConnectEnvelope
from etl.contract.draft.recognisers.envelopes.debezium import Debezium
from etl.contract.draft.recognisers.lorawan.chirpstack import ChirpStack
from etl.contract.draft.recognisers.lorawan.loriot import Loriot
from etl.contract.draft.recognisers.lorawan.thingpark import ThingPark
from etl.contract.draft.recognisers.lorawan.things_stack import ThingsStack
from etl.contract.draft.recognisers.platforms.aws import AwsShadow
from etl.contract.draft.recognisers.platforms.azure import AzureIot
from etl.contract.draft.recognisers.platforms.home_assistant import HomeAssistantEvents, HomeAssistantHistory
from etl.contract.draft.recognisers.platforms.ngsi import NgsiEntities
from etl.contract.draft.recognisers.platforms.senml import SenMl
from etl.contract.draft.recognisers.platforms.sensor_things import SensorThings
from etl.contract.draft.recognisers.platforms.sparkplug import Sparkplug
from etl.contract.draft.recognisers.series.influx import InfluxPoints, InfluxTables
from etl.contract.draft.recognisers.series.prometheus import PrometheusAnswers, PrometheusSamples
from etl.contract.draft.recognisers.series.telegraf import Telegraf
from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape

RECOGNISERS: tuple[Recogniser, ...] = (
    ThingsStack(),
    ChirpStack(),
    Loriot(),
    ThingPark(),
    Debezium(),
    ConnectEnvelope(),
    CloudEvents(),
    AzureIot(),
    AwsShadow(),
    HomeAssistantEvents(),
    HomeAssistantHistory(),
    SenMl(),
    SensorThings(),
    Sparkplug(),
    NgsiEntities(),
    Telegraf(),
    InfluxPoints(),
    InfluxTables(),
    PrometheusSamples(),
    PrometheusAnswers(),
)
_SHARE = 0.95
"""Of the records that must have the shape."""


@dataclass(frozen=True)
class Recognised:
    """The shape of a sample's records, and the evidence."""

    shape: Shape
    name: str = ""
    fitting: int = 0


def recognise(records: Sequence[Record]) -> Recognised:
    """The shape that nearly all records have; one without a name where no platform is recognised."""
    for recogniser in RECOGNISERS:
        fitting = [record for record in records if recogniser.fits(record)]
        if fitting and len(fitting) >= _SHARE * len(records):
            return Recognised(recogniser.shape(fitting), recogniser.name, len(fitting))
    return Recognised(Shape())
