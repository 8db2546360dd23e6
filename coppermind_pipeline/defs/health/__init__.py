"""What Dagster shows of connectors' health: checks of each, the fleet as a whole, and the sensor that reports both."""
