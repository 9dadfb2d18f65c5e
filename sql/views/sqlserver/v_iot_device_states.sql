-- needs: iot_device_events (device_id customer_id status temperature event_time)
CREATE VIEW v_iot_device_states AS
SELECT
    CAST('device_events' AS nvarchar(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    device_id AS sensor,
    customer_id,
    status AS device_status,
    temperature,
    event_time
FROM iot_device_events;
