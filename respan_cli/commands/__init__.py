"""One file for each word a person types. Each gathers, transforms, shows, and is short."""
