-- While a table grows, its statistics are rough ones: a tenth of the usual sample settles which index is the better one.
-- Autovacuum takes the usual ones once the table rests.
ALTER FUNCTION analyze_grown_tables() SET default_statistics_target = 10;
