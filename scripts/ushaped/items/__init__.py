"""Items: what a task asks, generated here, released by the prize, or brought by a user."""
