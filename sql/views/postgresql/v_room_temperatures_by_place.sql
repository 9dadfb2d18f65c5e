-- needs: room_temperatures room_temperatures_1d (place)
CREATE OR REPLACE VIEW v_room_temperatures_by_place AS
SELECT
    place,
    window_start AS day,
    sum(count) AS readings,
    min(min) AS lowest,
    sum(avg * count) / sum(count) AS average,
    max(max) AS highest
FROM room_temperatures_1d
WHERE measure = 'temp'
GROUP BY place, window_start;
