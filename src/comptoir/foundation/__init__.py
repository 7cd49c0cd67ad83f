"""What everything stands on: kernel, events, touchpoints, rooms. Knows no shop, no customer, no page."""
