"""Random skripts on a simulated cluster: several workers, one store, and everything goes wrong."""
