-- needs: iot_device_events (device_id status event_time)
CREATE OR REPLACE VIEW v_iot_device_status AS
SELECT
    device_id,
    status,
    count(*) AS readings,
    count(*) / sum(count(*)) OVER (PARTITION BY device_id) AS share,
    max(event_time) AS last_seen
FROM iot_device_events
GROUP BY device_id, status;
