"""Data as strangers have them: small samples of many shapes, and what is right for each.

A sample is a folder of files as they come from a device, a platform or a program; `index.yaml` says how they arrive and what must
become of them. Samples via `messages` are those of a live topic, with keys and headers, also in Avro; no Kafka is needed
(`tests.samples.live`). All contents are invented. `python -m tests.samples` prints what becomes of them now.
"""
