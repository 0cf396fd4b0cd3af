"""The standard streams, the environment, and everything that is shown on them."""
