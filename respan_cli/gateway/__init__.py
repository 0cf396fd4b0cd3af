"""The network: the SDK and its HTTP client. What they raise becomes one of our errors here."""
