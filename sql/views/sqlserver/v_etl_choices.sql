-- needs: etl_log
-- What the dashboards' filters offer where the names are known beforehand, so that none has to be looked for in millions of
-- rows. Each column is a list of its own, repeated as often as needed; what stands beside it means nothing.
CREATE VIEW v_etl_choices AS
SELECT
    step COLLATE Latin1_General_100_BIN2 AS step,
    status COLLATE Latin1_General_100_BIN2 AS status,
    quarantine_status COLLATE Latin1_General_100_BIN2 AS quarantine_status,
    device_status COLLATE Latin1_General_100_BIN2 AS device_status,
    reason COLLATE Latin1_General_100_BIN2 AS reason
FROM (
    VALUES
        ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'tombstone'),
        ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'not_utf8'),
        ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'empty'),
        ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'not_json'),
        ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'not_object'),
        ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'no_items'),
        ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'not_csv'),
        ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'duplicate_key'),
        ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'invalid_text'),
        ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'unknown_key'),
        ('3 merge', 'FAILED', 'REPLAYED', 'ERROR', 'missing'),
        ('4 load', 'RUNNING', 'DISCARDED', 'STANDBY', 'wrong_type'),
        ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'not_finite'),
        ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'out_of_range'),
        ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'too_short'),
        ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'too_long'),
        ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'pattern'),
        ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'trailing_blank'),
        ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'bad_time'),
        ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'time_out_of_range'),
        ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'conflicting'),
        ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'database_refused')
) AS choices (step, status, quarantine_status, device_status, reason);
