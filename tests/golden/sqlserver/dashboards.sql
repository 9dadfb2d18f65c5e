-- charts/anomalies.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(event_time AS DATETIME2)),
    0
  ) AS event_time,
  kind AS kind,
  MAX(score) AS [Severity]
FROM dbo.v_etl_anomalies
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(event_time AS DATETIME2)),
    0
  ),
  kind
ORDER BY
  [Severity] DESC
GO
-- charts/anomaly_list.yaml
SELECT
TOP 5000
  event_time AS event_time,
  feed AS feed,
  sensor AS sensor,
  measure AS measure,
  kind AS kind,
  value AS value,
  expected_low AS expected_low,
  expected_high AS expected_high,
  score AS score
FROM dbo.v_etl_anomalies
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  event_time DESC
GO
-- charts/backlog.yaml
SELECT
TOP 100
  feed AS feed,
  status AS status,
  FLOOR(MIN(age_seconds)) * 1000 AS [Last cycle],
  SUM(waiting_for_merge) AS [To merge],
  SUM(waiting_for_load) AS [To load]
FROM dbo.v_etl_backlog
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  feed,
  status
ORDER BY
  MIN(feed) ASC
GO
-- charts/balances.yaml
SELECT
TOP 100
  step AS step,
  SUM(records_read) AS [Read],
  SUM(records_processed) AS [Processed],
  SUM(records_rejected) AS [Rejected],
  SUM(records_duplicate) AS [Duplicate],
  SUM(records_conflicting) AS [Conflicting],
  SUM(unaccounted) AS [Lost]
FROM dbo.v_etl_jobs
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND status = N'SUCCESS'
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  step
ORDER BY
  MIN(step) ASC
GO
-- charts/cycle_frequency.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  feed AS feed,
  COUNT(*) AS [Cycles]
FROM dbo.v_etl_cycles
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ),
  feed
ORDER BY
  [Cycles] DESC
GO
-- charts/cycle_rejects.yaml
SELECT
TOP 1000
  rejected_id AS rejected_id,
  start_time AS start_time,
  cycle_id AS cycle_id,
  feed AS feed,
  reason AS reason,
  column_name AS column_name,
  quarantine_status AS quarantine_status,
  source_name AS source_name,
  source_offset AS source_offset
FROM dbo.v_etl_rejects
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  start_time DESC,
  rejected_id DESC
GO
-- charts/cycles.yaml
SELECT
TOP 1000
  start_time AS start_time,
  cycle_id AS cycle_id,
  feed AS feed,
  status AS status,
  jobs AS jobs,
  duration_seconds AS duration_seconds,
  records_loaded AS records_loaded,
  records_rejected AS records_rejected,
  cycle_notebook AS cycle_notebook
FROM dbo.v_etl_cycles
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  start_time DESC
GO
-- charts/cycles_today.yaml
SELECT
TOP 1000
  COUNT(*) AS [Cycles]
FROM dbo.v_etl_cycles
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  [Cycles] DESC
GO
-- charts/device_status.yaml
SELECT
TOP 100
  device_status AS device_status,
  COUNT(*) AS [Reports]
FROM dbo.v_iot_device_states
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  device_status
ORDER BY
  [Reports] DESC
GO
-- charts/duplicates.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  feed AS feed,
  SUM(records_duplicate) AS [Duplicates]
FROM dbo.v_etl_quality
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ),
  feed
ORDER BY
  [Duplicates] DESC
GO
-- charts/failures.yaml
SELECT
TOP 100
  start_time AS start_time,
  feed AS feed,
  step AS step,
  error_type AS error_type,
  error_message AS error_message,
  failed_notebook AS failed_notebook
FROM dbo.v_etl_failures
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  start_time DESC
GO
-- charts/freshness.yaml
SELECT
TOP 100
  feed AS feed,
  freshness AS freshness,
  FLOOR(MAX(age_seconds)) * 1000 AS [Age],
  MAX(sla_seconds) * 1000 AS [Allowed]
FROM dbo.v_etl_freshness
WHERE
  feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  feed,
  freshness
ORDER BY
  MIN(feed) ASC
GO
-- charts/incidents.yaml
SELECT
TOP 100
  state AS state,
  opened_at AS opened_at,
  feed AS feed,
  kind AS kind,
  key_name AS key_name,
  cause AS cause,
  remedy AS remedy,
  hours_open AS hours_open,
  told AS told
FROM dbo.v_etl_incidents
WHERE
  feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  is_open DESC,
  opened_at DESC
GO
-- charts/job_duration.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  step AS step,
  AVG(duration_seconds) AS [Duration]
FROM dbo.v_etl_jobs
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ),
  step
ORDER BY
  [Duration] DESC
GO
-- charts/job_status.yaml
SELECT
TOP 100
  status AS status,
  COUNT(*) AS [Jobs]
FROM dbo.v_etl_jobs
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  status
ORDER BY
  [Jobs] DESC
GO
-- charts/last_cycle_age.yaml
SELECT
TOP 1000
  FLOOR(MIN(age_seconds)) * 1000 AS [Last cycle]
FROM dbo.v_etl_backlog
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  [Last cycle] DESC
GO
-- charts/lateness.yaml
SELECT
TOP 10000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  SUM(records_late) AS [Late rows]
FROM dbo.v_etl_quality
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  )
ORDER BY
  [Late rows] DESC
GO
-- charts/lateness.yaml
SELECT
TOP 10000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  MAX(lateness_max_seconds) / 60.0 AS [Longest lateness, minutes]
FROM dbo.v_etl_quality
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  )
ORDER BY
  [Longest lateness, minutes] DESC
GO
-- charts/latest_values.yaml
SELECT
TOP 2000
  feed AS feed,
  sensor AS sensor,
  measure AS measure,
  AVG(value) AS [Newest],
  FLOOR(MIN(age_seconds)) * 1000 AS [Age]
FROM dbo.v_etl_latest
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  feed,
  sensor,
  measure
ORDER BY
  [Age] ASC
GO
-- charts/missing_sensors.yaml
SELECT
TOP 20000
  feed AS feed,
  SUM(sensors_expected - sensors_missing) AS [Seen],
  SUM(sensors_missing) AS [Missing]
FROM dbo.v_etl_freshness
WHERE
  NOT sensors_expected IS NULL AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  feed
ORDER BY
  [Seen] DESC
GO
-- charts/open_incidents.yaml
SELECT
TOP 1000
  SUM(is_open) AS [Open incidents]
FROM dbo.v_etl_incidents
WHERE
  feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  [Open incidents] DESC
GO
-- charts/quality_score.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  ) AS start_time,
  AVG(score) AS [Score],
  AVG(completeness) AS [Completeness],
  AVG(validity) AS [Validity],
  AVG(uniqueness) AS [Uniqueness],
  AVG(timeliness) AS [Timeliness]
FROM dbo.v_etl_quality
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(start_time AS DATETIME2)),
    0
  )
ORDER BY
  [Score] DESC
GO
-- charts/quarantine.yaml
SELECT
TOP 10
  rejected_id AS rejected_id,
  start_time AS start_time,
  feed AS feed,
  reason AS reason,
  column_name AS column_name,
  quarantine_status AS quarantine_status,
  source_name AS source_name,
  source_offset AS source_offset
FROM dbo.v_etl_rejects
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  start_time DESC,
  rejected_id DESC
GO
-- charts/quarantine.yaml
SELECT
  anon_1.rejected_id,
  anon_1.start_time,
  anon_1.feed,
  anon_1.reason,
  anon_1.column_name,
  anon_1.quarantine_status,
  anon_1.source_name,
  anon_1.source_offset
FROM (
  SELECT
    rejected_id AS rejected_id,
    start_time AS start_time,
    feed AS feed,
    reason AS reason,
    column_name AS column_name,
    quarantine_status AS quarantine_status,
    source_name AS source_name,
    source_offset AS source_offset,
    ROW_NUMBER() OVER (ORDER BY start_time DESC, rejected_id DESC) AS mssql_rn
  FROM dbo.v_etl_rejects
  WHERE
    start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
    AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
    AND feed IN (N'sensor_readings', N'raw_iot')
) AS anon_1
WHERE
  mssql_rn > 10 AND mssql_rn <= 10 + 10
GO
-- charts/quarantine.yaml
SELECT
  COUNT(*) AS [rowcount]
FROM (
  SELECT
  TOP 50000
    rejected_id AS rejected_id,
    start_time AS start_time,
    feed AS feed,
    reason AS reason,
    column_name AS column_name,
    quarantine_status AS quarantine_status,
    source_name AS source_name,
    source_offset AS source_offset
  FROM dbo.v_etl_rejects
  WHERE
    start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
    AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
    AND feed IN (N'sensor_readings', N'raw_iot')
) AS rowcount_qry
GO
-- charts/readings_by_hour.yaml
SELECT
TOP 10000
  DATEADD(
    HOUR,
    DATEDIFF(HOUR, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)),
    0
  ) AS window_start,
  feed AS feed,
  SUM(readings) AS [Readings]
FROM dbo.v_etl_windows
WHERE
  window_start >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND window_start < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    HOUR,
    DATEDIFF(HOUR, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)),
    0
  ),
  feed
ORDER BY
  [Readings] DESC
GO
-- charts/readings_by_sensor.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 5 * 5,
    0
  ) AS window_start,
  sensor AS sensor,
  SUM(total) / SUM(readings) AS [Mean]
FROM dbo.v_etl_windows
JOIN (
  SELECT
  TOP 10
    sensor AS sensor__,
    SUM(total) / SUM(readings) AS mme_inner__
  FROM dbo.v_etl_windows
  WHERE
    window_start >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
    AND window_start < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
    AND measure IN (N'temperature', N'temp')
    AND feed IN (N'sensor_readings', N'raw_iot')
  GROUP BY
    sensor
  ORDER BY
    SUM(readings) DESC
) AS series_limit
  ON sensor = sensor__
WHERE
  window_start >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND window_start < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND measure IN (N'temperature', N'temp')
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 5 * 5,
    0
  ),
  sensor
ORDER BY
  SUM(readings) DESC
GO
-- charts/records_per_job.yaml
SELECT
TOP 20000
  step AS step,
  SUM(records_processed) AS [Processed],
  SUM(records_rejected) AS [Rejected],
  SUM(records_duplicate) AS [Duplicate],
  SUM(records_conflicting) AS [Conflicting]
FROM dbo.v_etl_jobs
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  step
ORDER BY
  [Processed] DESC
GO
-- charts/rejects_by_reason.yaml
SELECT
TOP 20000
  reason AS reason,
  feed AS feed,
  COUNT(*) AS [Rejected rows]
FROM dbo.v_etl_rejects
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  reason,
  feed
ORDER BY
  [Rejected rows] DESC
GO
-- charts/rows.yaml
SELECT
TOP 1000
  event_time AS event_time,
  feed AS feed,
  sensor AS sensor,
  measure AS measure,
  value AS value,
  score AS score,
  cycle_id AS cycle_id,
  source_name AS source_name,
  source_partition AS source_partition,
  source_offset AS source_offset,
  source_item AS source_item
FROM dbo.v_etl_readings
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  event_time DESC,
  sensor ASC,
  measure ASC
GO
-- charts/rows_today.yaml
SELECT
TOP 1000
  SUM(records_loaded) AS [Rows loaded]
FROM dbo.v_etl_cycles
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  [Rows loaded] DESC
GO
-- charts/set_aside.yaml
SELECT
TOP 100
  set_aside_at AS set_aside_at,
  feed AS feed,
  kind AS kind,
  name AS name,
  attempts AS attempts,
  cause AS cause
FROM dbo.v_etl_set_aside
WHERE
  feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  is_set_aside DESC,
  set_aside_at DESC
GO
-- charts/silent_sensors.yaml
SELECT
TOP 1000
  feed AS feed,
  sensor AS sensor,
  last_event_time AS last_event_time,
  measure AS measure,
  value AS value,
  silent_seconds AS silent_seconds,
  interval_seconds AS interval_seconds,
  intervals AS intervals
FROM dbo.v_etl_silent
WHERE
  feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  intervals DESC,
  sensor ASC
GO
-- charts/success_rate.yaml
SELECT
TOP 1000
  AVG(success) AS [Success rate]
FROM dbo.v_etl_jobs
WHERE
  start_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND start_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
ORDER BY
  [Success rate] DESC
GO
-- charts/temperature_by_device.yaml
SELECT
TOP 20
  sensor AS sensor,
  AVG(temperature) AS [Mean temperature]
FROM dbo.v_iot_device_states
WHERE
  event_time >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND event_time < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  sensor
ORDER BY
  [Mean temperature] DESC
GO
-- charts/temperature_in_out.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 10 * 10,
    0
  ) AS window_start,
  place AS place,
  SUM(total) / SUM(readings) AS [Mean temperature]
FROM dbo.v_room_temperature_windows
WHERE
  window_start >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND window_start < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 10 * 10,
    0
  ),
  place
ORDER BY
  [Mean temperature] DESC
GO
-- charts/temperature_windows.yaml
SELECT
TOP 20000
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 5 * 5,
    0
  ) AS window_start,
  MIN(lowest) AS [Lowest],
  SUM(total) / SUM(readings) AS [Mean],
  MAX(highest) AS [Highest]
FROM dbo.v_etl_windows
WHERE
  window_start >= CONVERT(DATETIME, '2026-01-01T00:00:00.000', 126)
  AND window_start < CONVERT(DATETIME, '2026-01-02T00:00:00.000', 126)
  AND measure IN (N'temperature', N'temp')
  AND feed IN (N'sensor_readings', N'raw_iot')
GROUP BY
  DATEADD(
    MINUTE,
    DATEDIFF(MINUTE, CAST('1900-01-01' AS DATETIME2), CAST(window_start AS DATETIME2)) / 5 * 5,
    0
  )
ORDER BY
  [Lowest] DESC
GO
-- dashboards/data_quality.yaml: Feed
SELECT
TOP 1000
  feed AS feed
FROM dbo.v_etl_freshness
GROUP BY
  feed
ORDER BY
  feed ASC
GO
-- dashboards/data_quality.yaml: Reason
SELECT
TOP 1000
  reason AS reason
FROM dbo.v_etl_choices
GROUP BY
  reason
ORDER BY
  reason ASC
GO
-- dashboards/data_quality.yaml: Status in quarantine
SELECT
TOP 1000
  quarantine_status AS quarantine_status
FROM dbo.v_etl_choices
GROUP BY
  quarantine_status
ORDER BY
  quarantine_status ASC
GO
-- dashboards/etl_health.yaml: Feed
SELECT
TOP 1000
  feed AS feed
FROM dbo.v_etl_backlog
GROUP BY
  feed
ORDER BY
  feed ASC
GO
-- dashboards/etl_health.yaml: Job
SELECT
TOP 1000
  step AS step
FROM dbo.v_etl_choices
GROUP BY
  step
ORDER BY
  step ASC
GO
-- dashboards/etl_health.yaml: Status
SELECT
TOP 1000
  status AS status
FROM dbo.v_etl_choices
GROUP BY
  status
ORDER BY
  status ASC
GO
-- dashboards/readings.yaml: Feed
SELECT
TOP 1000
  feed AS feed
FROM dbo.v_etl_freshness
GROUP BY
  feed
ORDER BY
  feed ASC
GO
-- dashboards/readings.yaml: Sensor
SELECT
TOP 1000
  sensor AS sensor
FROM dbo.v_etl_latest
GROUP BY
  sensor
ORDER BY
  sensor ASC
GO
-- dashboards/readings.yaml: Device status
SELECT
TOP 1000
  device_status AS device_status
FROM dbo.v_etl_choices
GROUP BY
  device_status
ORDER BY
  device_status ASC
GO
-- dashboards/rows.yaml: Feed
SELECT
TOP 1000
  feed AS feed
FROM dbo.v_etl_freshness
GROUP BY
  feed
ORDER BY
  feed ASC
GO
-- dashboards/rows.yaml: Sensor
SELECT
TOP 1000
  sensor AS sensor
FROM dbo.v_etl_latest
GROUP BY
  sensor
ORDER BY
  sensor ASC
GO
-- dashboards/rows.yaml: Value
SELECT
TOP 1000
  MIN(value) AS min,
  MAX(value) AS max
FROM dbo.v_etl_choices
GO
-- dashboards/rows.yaml: Anomaly score
SELECT
TOP 1000
  MIN(score) AS min,
  MAX(score) AS max
FROM dbo.v_etl_choices
