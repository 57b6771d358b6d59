"""What `benchmarks/peers.py` compares: data, methods, and how each is run."""
