-- needs: etl_log
-- What the dashboards' filters offer where the names are known beforehand, so that none has to be looked for in millions of
-- rows. Each column is a list of its own, repeated as often as needed; what stands beside it means nothing. A filter takes
-- limits between the least and the largest value and score.
CREATE VIEW v_etl_choices AS
SELECT
    step COLLATE Latin1_General_100_BIN2 AS step,
    status COLLATE Latin1_General_100_BIN2 AS status,
    quarantine_status COLLATE Latin1_General_100_BIN2 AS quarantine_status,
    device_status COLLATE Latin1_General_100_BIN2 AS device_status,
    reason COLLATE Latin1_General_100_BIN2 AS reason,
    CAST(CASE reason WHEN 'tombstone' THEN -1e12 ELSE 1e12 END AS float) AS value,
    CAST(CASE reason WHEN 'tombstone' THEN 0 ELSE 1e6 END AS float) AS score
FROM (
    VALUES
        ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'tombstone'),
        ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'not_utf8'),
        ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'empty'),
        ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'not_json'),
        ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'not_object'),
        ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'no_items'),
        ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'no_reading'),
        ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'not_csv'),
        ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'not_avro'),
        ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'duplicate_key'),
        ('3 merge', 'FAILED', 'REPLAYED', 'ERROR', 'invalid_text'),
        ('4 load', 'RUNNING', 'DISCARDED', 'STANDBY', 'unknown_key'),
        ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'missing'),
        ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'wrong_type'),
        ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'not_finite'),
        ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'out_of_range'),
        ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'too_short'),
        ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'too_long'),
        ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'pattern'),
        ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'trailing_blank'),
        ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'bad_time'),
        ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'time_out_of_range'),
        ('3 merge', 'FAILED', 'REPLAYED', 'ERROR', 'conflicting'),
        ('4 load', 'RUNNING', 'DISCARDED', 'STANDBY', 'database_refused')
) AS choices (step, status, quarantine_status, device_status, reason);
