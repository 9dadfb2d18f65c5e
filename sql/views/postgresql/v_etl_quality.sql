-- needs: etl_log etl_quality_score
CREATE OR REPLACE VIEW v_etl_quality AS
SELECT
    score.log_id,
    log.cycle_id,
    score.feed,
    log.start_time,
    score.score,
    score.completeness,
    score.validity,
    score.uniqueness,
    score.timeliness,
    log.records_read,
    log.records_rejected,
    log.records_duplicate,
    log.records_conflicting,
    log.records_late,
    -- Zero where nothing was late: the chart's line then lies on the axis.
    coalesce(score.lateness_mean_seconds, 0) AS lateness_mean_seconds,
    coalesce(score.lateness_max_seconds, 0) AS lateness_max_seconds,
    score.age_seconds,
    score.sensors_expected,
    score.sensors_seen,
    score.readings_expected,
    score.readings_seen
FROM etl_quality_score AS score
JOIN etl_log AS log ON log.log_id = score.log_id;
