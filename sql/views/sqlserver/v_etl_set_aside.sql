-- needs: etl_set_aside etl_feed
-- A feed of which nothing is set aside says so: better than an empty table, which may mean anything.
CREATE VIEW v_etl_set_aside AS
SELECT
    feed,
    kind,
    name,
    attempts,
    cause,
    first_failed_at,
    set_aside_at,
    1 AS is_set_aside
FROM etl_set_aside
WHERE status = 'SET_ASIDE'
UNION ALL
SELECT
    feed.feed,
    'none' AS kind,
    'none' AS name,
    0 AS attempts,
    'Nothing is set aside.' AS cause,
    CAST(NULL AS datetimeoffset(6)) AS first_failed_at,
    CAST(NULL AS datetimeoffset(6)) AS set_aside_at,
    0 AS is_set_aside
FROM etl_feed AS feed
WHERE NOT EXISTS (SELECT 1 FROM etl_set_aside AS aside WHERE aside.feed = feed.feed AND aside.status = 'SET_ASIDE');
