-- needs: etl_log
-- What the dashboards' filters offer where the names are known beforehand, so that none has to be looked for in millions of
-- rows. Each column is a list of its own; what stands beside it means nothing.
CREATE VIEW v_etl_choices AS
SELECT step, status, quarantine_status, device_status
FROM (
    VALUES
        ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS'),
        ('2 consume', 'FAILED', 'REPLAYED', 'ERROR'),
        ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY'),
        ('4 load', NULL, NULL, NULL)
) AS choices (step, status, quarantine_status, device_status);
