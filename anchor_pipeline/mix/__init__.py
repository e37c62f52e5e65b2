"""From facts to a released mix: plan, choose, order, write, read."""
