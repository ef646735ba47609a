"""Real processes, SIGKILL, and a ledger outside of the engine as the judge."""
