-- needs: iot_device_events (device_id status event_time)
CREATE VIEW v_iot_device_status AS
SELECT
    device_id,
    status,
    COUNT_BIG(*) AS readings,
    1.0 * COUNT_BIG(*) / SUM(COUNT_BIG(*)) OVER (PARTITION BY device_id) AS share,
    MAX(event_time) AS last_seen
FROM iot_device_events
GROUP BY device_id, status;
