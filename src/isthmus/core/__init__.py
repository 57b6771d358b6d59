"""Types, errors and small tools that every layer uses; numpy only."""
