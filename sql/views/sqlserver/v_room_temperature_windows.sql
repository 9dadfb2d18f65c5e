-- needs: room_temperatures room_temperatures_5m (room place)
CREATE VIEW v_room_temperature_windows AS
SELECT
    CAST('room_temperatures' AS nvarchar(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    room + '/' + place AS sensor,
    room,
    place,
    window_start,
    [count] AS readings,
    [avg] * [count] AS total,
    [min] AS lowest,
    [max] AS highest
FROM room_temperatures_5m
WHERE measure = 'temp';
