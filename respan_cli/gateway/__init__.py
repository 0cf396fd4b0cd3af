"""The network: the SDK and its HTTP client. Their exceptions become our errors here."""
