-- needs: etl_log etl_source etl_anomaly v_etl_values
-- Score, cycle and source are looked up row by row, and not joined: so it is done for the rows that are shown, after the
-- newest of them have been found.
CREATE VIEW v_etl_readings AS
SELECT
    reading.feed,
    reading.sensor,
    reading.event_time,
    reading.measure,
    reading.value,
    (
        SELECT MAX(anomaly.score)
        FROM etl_anomaly AS anomaly
        WHERE
            anomaly.feed = reading.feed AND anomaly.event_time = reading.event_time
            AND anomaly.sensor = reading.sensor AND anomaly.measure = reading.measure
    ) AS score,
    (SELECT job.cycle_id FROM etl_log AS job WHERE job.log_id = reading.log_id) AS cycle_id,
    (SELECT origin.name FROM etl_source AS origin WHERE origin.source_id = reading.source_id) AS source_name,
    reading.source_partition,
    reading.source_offset,
    reading.source_item
FROM v_etl_values AS reading;
