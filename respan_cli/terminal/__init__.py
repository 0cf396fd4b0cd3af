"""The standard streams, the environment, and all that is shown on them."""
