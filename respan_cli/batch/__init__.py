"""Many messages, a row each: read, sent as many at once as the gateway allows, written as they complete."""
