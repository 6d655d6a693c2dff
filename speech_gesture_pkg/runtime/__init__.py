"""What keeps a running system honest: clocks, watchdogs, latency statistics, inference backends."""
