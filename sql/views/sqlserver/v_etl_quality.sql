-- needs: etl_log etl_quality_score
CREATE VIEW v_etl_quality AS
SELECT
    score.log_id,
    job.cycle_id,
    score.feed,
    job.start_time,
    score.score,
    score.completeness,
    score.validity,
    score.uniqueness,
    score.timeliness,
    job.records_read,
    job.records_rejected,
    job.records_duplicate,
    job.records_conflicting,
    job.records_late,
    -- Zero where nothing was late: the chart's line then lies on the axis.
    COALESCE(score.lateness_mean_seconds, 0) AS lateness_mean_seconds,
    COALESCE(score.lateness_max_seconds, 0) AS lateness_max_seconds,
    score.age_seconds,
    score.sensors_expected,
    score.sensors_seen,
    score.readings_expected,
    score.readings_seen
FROM etl_quality_score AS score
JOIN etl_log AS job ON job.log_id = score.log_id;
