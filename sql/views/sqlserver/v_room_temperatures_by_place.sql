-- needs: room_temperatures room_temperatures_1d (place)
CREATE VIEW v_room_temperatures_by_place AS
SELECT
    place,
    window_start AS day,
    SUM([count]) AS readings,
    MIN([min]) AS lowest,
    SUM([avg] * [count]) / SUM([count]) AS average,
    MAX([max]) AS highest
FROM room_temperatures_1d
WHERE measure = 'temp'
GROUP BY place, window_start;
