"""What starts builds by itself: schedule, sensors, conditions, freshness."""
