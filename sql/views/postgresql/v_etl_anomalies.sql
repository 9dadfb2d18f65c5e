-- needs: etl_log etl_anomaly
CREATE OR REPLACE VIEW v_etl_anomalies AS
SELECT
    anomaly.anomaly_id,
    anomaly.feed,
    anomaly.sensor,
    anomaly.measure,
    anomaly.event_time,
    anomaly.kind,
    anomaly.value,
    anomaly.expected_low,
    anomaly.expected_high,
    anomaly.score,
    log.cycle_id
FROM etl_anomaly AS anomaly
JOIN etl_log AS log ON log.log_id = anomaly.log_id;
